"use strict";
// What the pages of lab.web do beyond their markup: rows that come as Server-Sent Events, forms that
// send without leaving the page, files that are dropped. Text of peers goes in as text, never as markup.
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  // Forms that stay: what comes back is a redirect, or a page that says what is wrong.

  function say(form, words) {
    const problem = one(".form-problem", form);
    problem.textContent = words;
    problem.hidden = !words;
  }

  async function problemOf(answer) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return one("main .form-problem", page)?.textContent ?? `The lab answered with HTTP ${answer.status}.`;
  }

  async function send(form, submitter, body, options) {
    say(form, "");
    submitter?.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body, ...options });
      if (answer.ok || answer.type === "opaqueredirect") return answer;
      say(form, await problemOf(answer));
    } catch {
      say(form, "The lab does not answer: has the command ended?");
    } finally {
      submitter?.removeAttribute("aria-busy");
    }
    return null;
  }

  for (const form of all("form[data-stay]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const body = new URLSearchParams(new FormData(form, event.submitter));
      send(form, event.submitter, body, { redirect: "manual" });
    });
  }

  // Forms whose answer is a page of its own; what was filled in stays where something is wrong.

  async function sendAway(form, submitter) {
    const most = Number(form.dataset.most || 0) * 2 ** 20;
    const body = new FormData(form);
    const size = [...body.values()].reduce((sum, value) => sum + (value.size ?? 0), 0);
    if (most && size > most) {
      say(form, `These files have more than ${form.dataset.most} MiB.`);
      return;
    }
    const state = one(".form-state", form);
    state.textContent = "At work ...";
    const answer = await send(form, submitter, body, {});
    state.textContent = "";
    if (answer) location.assign(answer.url);
  }

  for (const form of all("form[data-send]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.submitter?.getAttribute("aria-busy") !== "true") sendAway(form, event.submitter);
    });
  }

  for (const place of all("[data-drop]")) drop(place, place.closest("form"));

  function drop(place, form) {
    const field = form.elements[place.dataset.drop];
    const log = form.elements.keylog;
    const isLog = (file) => log && /\.(keylog|log|txt)$/i.test(file.name);
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      place.setAttribute("data-over", "");
    });
    place.addEventListener("dragleave", () => place.removeAttribute("data-over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      place.removeAttribute("data-over");
      const files = [...event.dataTransfer.files];
      put(field, files.filter((file) => !isLog(file)));
      if (log) put(log, files.filter(isLog));
      if (field.files.length) form.requestSubmit();
    });
  }

  function put(field, files) {
    if (!files.length) return;
    const chosen = new DataTransfer();
    for (const file of field.multiple ? files : files.slice(0, 1)) chosen.items.add(file);
    field.files = chosen.files;
  }

  // Commands to paste.

  if (navigator.clipboard) {
    for (const code of all(".command > code")) {
      const button = element("button", "Copy", { type: "button", class: "copy" });
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = "Copy"), 2000);
      });
      code.after(button);
    }
  }

  // Watch.

  const table = one("#watched");
  if (table) watch(table, one("tbody", table));

  function watch(table, body) {
    const REFUSED = new Set(["rejected", "failed"]);
    const ANNOUNCE_MS = 3000;
    const VIEW_MS = 250;
    const rows = new Map(all("tr", body).map((row) => [Number(row.dataset.number), row]));
    const filter = one("form[data-filter]");
    const linkState = one(".link-state");
    const opened = one("#opened");
    let missed = 0;
    let refusedNews = [];
    let announcing = false;
    let isFirst = true;

    function cells(data) {
      const link = element("a", data.number, { href: `/watch/connections/${data.number}` });
      const number = element("th", "", { scope: "row" });
      number.append(link);
      const outcome = element("td", "", { "data-label": "Outcome" });
      outcome.append(element("strong", data.outcome));
      if (data.cause) outcome.append(" ", data.cause);
      else if (data.state === "open") outcome.append(" ", element("span", data.last, { class: "last-seen" }));
      const began = new Date(data.began).toLocaleTimeString([], { hour12: false });
      return [
        number,
        element("td", began, { "data-label": "Began" }),
        element("td", data.source === "tap" ? `${data.peer} (tap)` : data.peer, { "data-label": "Client" }),
        element("td", data.name, { "data-label": "Asked for" }),
        element("td", data.version.replace("TLS ", ""), { "data-label": "TLS" }),
        element("td", data.client, { "data-label": "Certificate" }),
        outcome,
      ];
    }

    function put(data) {
      let row = rows.get(data.number);
      const isNew = !row;
      if (isNew) {
        row = document.createElement("tr");
        row.dataset.number = data.number;
        rows.set(data.number, row);
      }
      const focused = row.contains(document.activeElement);
      const wasRefused = REFUSED.has(row.dataset.state);
      row.dataset.state = data.state;
      row.replaceChildren(...cells(data));
      if (focused) one("a", row).focus();
      if (isNew) body.prepend(row);
      row.hidden = !passes(row);
      if (REFUSED.has(data.state) && !wasRefused && !isFirst) refusedNews.push(data);
    }

    function passes(row) {
      if (filter.elements.refused.checked && !REFUSED.has(row.dataset.state)) return false;
      const wanted = filter.elements.text.value.trim().toLowerCase();
      return !wanted || row.textContent.toLowerCase().includes(wanted);
    }

    function applyFilter() {
      for (const row of rows.values()) row.hidden = !passes(row);
      showEmpty();
    }

    function showEmpty() {
      const empty = one(".empty");
      const shown = [...rows.values()].some((row) => !row.hidden);
      empty.hidden = shown;
      empty.textContent = rows.size
        ? "No connection is like that."
        : "No connection so far. Let a client connect, above.";
    }

    function announce() {
      if (announcing || !refusedNews.length) return;
      const news = refusedNews;
      refusedNews = [];
      const last = news[news.length - 1];
      const words = `connection ${last.number} ${last.outcome}. ${last.cause}`;
      one("#announced").textContent = news.length === 1 ? words : `${news.length} refused, the last: ${words}`;
      announcing = true;
      setTimeout(() => {
        announcing = false;
        announce();
      }, ANNOUNCE_MS);
    }

    function take(changes) {
      if (changes.new) {
        const known = new Set(changes.rows.map((row) => row.number));
        for (const [number, row] of rows) if (!known.has(number)) drop(number, row);
      }
      for (const data of changes.rows) put(data);
      if (changes.kept) {
        const kept = new Set(changes.kept);
        for (const [number, row] of rows) if (!kept.has(number)) drop(number, row);
      }
      for (const [state, count] of Object.entries({ ...changes.counts, total: changes.total })) {
        const place = one(`[data-count="${state}"]`);
        if (place) place.textContent = count.toLocaleString("en");
      }
      missed += changes.missed;
      const missing = one(".missed");
      missing.hidden = !missed;
      missing.textContent = `${missed.toLocaleString("en")} came and went faster than this page could show.`;
      showEmpty();
      announce();
      isFirst = false;
      const current = changes.rows.find((row) => row.number === view.number);
      if (current) view.changed(current);
    }

    function drop(number, row) {
      rows.delete(number);
      row.remove();
    }

    // The opened connection: its view is made by the lab, again and again while it goes on.

    const view = {
      number: 0,
      waiting: false,
      again: null,

      open(number) {
        this.number = number;
        opened.hidden = false;
        one(".view", opened).replaceChildren();
        one("h2", opened).textContent = `Connection ${number}`;
        for (const row of rows.values()) row.toggleAttribute("data-opened", Number(row.dataset.number) === number);
        one(".row-words", opened).textContent = "";
        this.load().then(() => one("h2", opened).focus());
      },

      close() {
        opened.hidden = true;
        const row = rows.get(this.number);
        this.number = 0;
        row?.removeAttribute("data-opened");
        one("a", row ?? table)?.focus();
      },

      changed(data) {
        one(".row-words", opened).textContent = `${data.peer}: ${data.outcome}`;
        this.load();
      },

      async load() {
        if (this.waiting) {
          this.again = true;
          return;
        }
        this.waiting = true;
        const number = this.number;
        try {
          const answer = await fetch(`/watch/connections/${number}/view`);
          const text = await answer.text();
          if (number === this.number) this.show(text);
        } catch {
          // The stream of rows says that the lab does not answer.
        }
        setTimeout(() => {
          this.waiting = false;
          if (this.again && this.number) {
            this.again = false;
            this.load();
          }
        }, VIEW_MS);
      },

      show(text) {
        const place = one(".view", opened);
        const open = all("details", place).map((details) => details.open);
        const page = new DOMParser().parseFromString(text, "text/html");
        place.replaceChildren(...page.body.childNodes);
        all("details", place).forEach((details, at) => {
          if (at < open.length) details.open = open[at];
        });
      },
    };

    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (!event.target.closest("a") && !getSelection().isCollapsed) return;
      event.preventDefault();
      view.open(Number(row.dataset.number));
    });
    one(".close", opened).addEventListener("click", () => view.close());
    filter.addEventListener("input", applyFilter);
    filter.addEventListener("submit", (event) => event.preventDefault());

    const source = new EventSource("/watch/events");
    source.addEventListener("open", () => (linkState.textContent = ""));
    source.addEventListener("error", () => {
      linkState.textContent = "The lab does not answer; trying again. Has the command ended?";
    });
    source.addEventListener("over", () => {
      source.close();
      linkState.textContent = "Other pages watch now; reload this one to go on.";
    });
    source.addEventListener("message", (event) => take(JSON.parse(event.data)));
  }
})();
