"use strict";
// What the page of a probe does beyond its markup: filters, rows that open their scenario, and the
// views with all bytes, which are unpacked when they are opened.
(() => {
  const table = document.querySelector("table.results");
  if (!table) return;
  const form = document.querySelector("form.filters");
  const shown = document.querySelector(".shown");
  const groups = [...table.tBodies].map((body) => {
    const rows = [...body.rows].slice(1);
    const name = (body.querySelector("summary") || body.querySelector("td")).textContent.toLowerCase();
    return { body, rows, texts: rows.map((row) => `${name} ${row.textContent.toLowerCase()}`) };
  });
  const total = groups.reduce((sum, group) => sum + group.rows.length, 0);

  function fits(row, text, wanted) {
    const verdict = row.dataset.verdict;
    return (!wanted.version || row.dataset.version === wanted.version)
      && (!wanted.which
        || (wanted.which === "bad" && row.classList.contains("bad"))
        || (wanted.which === "open" && "open" in row.dataset)
        || wanted.which === `is:${verdict}`)
      && wanted.words.every((word) => text.includes(word));
  }

  function filter() {
    const data = new FormData(form);
    const wanted = {
      which: data.get("which"),
      version: data.get("version"),
      words: data.get("text").toLowerCase().split(/\s+/).filter(Boolean),
    };
    let results = 0;
    let scenarios = 0;
    for (const { body, rows, texts } of groups) {
      const inTheme = !data.get("family") || body.dataset.family === data.get("family");
      let some = 0;
      rows.forEach((row, place) => {
        row.hidden = !(inTheme && fits(row, texts[place], wanted));
        some += row.hidden ? 0 : 1;
      });
      body.hidden = some === 0;
      results += some;
      scenarios += some ? 1 : 0;
    }
    shown.textContent = results === total
      ? `${total} results.`
      : `${results} of ${total} results, in ${scenarios} ${scenarios === 1 ? "scenario" : "scenarios"}.`;
  }

  async function unpack(details) {
    const pack = details.querySelector("template.pack");
    if (!pack || !("DecompressionStream" in window)) return;
    pack.remove();
    const bytes = Uint8Array.from(atob(pack.content.textContent), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const view = document.createElement("div");
    view.className = "full";
    view.innerHTML = await new Response(stream).text();
    details.querySelector(".brief").replaceWith(view);
  }

  function follow() {
    const details = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!details || !details.matches("details.scenario")) return;
    if (details.closest("tbody").hidden) {
      form.reset();
      filter();
    }
    details.open = true;
    details.querySelector("summary").focus();
  }

  table.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.matches("details.scenario")) unpack(event.target);
  }, true);
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-verdict]");
    const details = row && row.parentElement.querySelector("details.scenario");
    if (details && !String(getSelection())) details.open = !details.open;
  });
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", follow);
  form.hidden = false;
  filter();
  follow();
})();
