"use strict";
// What a page of traces does beyond its markup: bytes and fields that point at each other, time to
// scale, all messages open or closed. It works on whatever is in the page, now or later.
(() => {
  const SCALE_PIXELS = 1600;

  // Bytes and fields.

  function prepare(block) {
    if (block.pieces) return;
    const hex = block.querySelector(".hex");
    const tree = block.querySelector(".tree");
    const pieces = [...hex.querySelectorAll("i")];
    const items = [...tree.querySelectorAll("li")];
    block.pieces = pieces;
    let next = 0;
    let offset = 0;
    for (const item of items) {
      const list = item.querySelector(":scope > ul");
      item.range = [next, next + 1];
      item.setAttribute("role", "treeitem");
      item.tabIndex = -1;
      if (list) {
        list.setAttribute("role", "group");
        item.range = [next, next + list.querySelectorAll("li:not(:has(> ul))").length];
        item.setAttribute("aria-expanded", "true");
      } else {
        const piece = pieces[next++];
        piece.item = item;
        piece.tabIndex = -1;
        piece.setAttribute("role", "option");
        piece.setAttribute("aria-selected", "false");
        piece.setAttribute("aria-label", `${item.firstElementChild.textContent}: ${piece.textContent || "no bytes"}`);
      }
    }
    for (const piece of pieces) {
      const more = /… ([\d,]+) bytes/.exec(piece.textContent);
      const shown = more ? piece.textContent.slice(0, more.index) : piece.textContent;
      piece.at = offset;
      piece.octets = Math.ceil(shown.length / 3) + (more ? Number(more[1].replaceAll(",", "")) : 0);
      offset += piece.octets;
    }
    const title = block.getAttribute("aria-label");
    tree.setAttribute("role", "tree");
    tree.setAttribute("aria-label", `${title}: fields`);
    hex.setAttribute("role", "listbox");
    hex.setAttribute("aria-label", `${title}: bytes by field`);
    if (items.length) items[0].tabIndex = 0;
    if (pieces.length) pieces[0].tabIndex = 0;
    const dump = document.createElement("div");
    dump.className = "dump";
    block.readout = document.createElement("p");
    block.readout.className = "readout";
    block.readout.textContent = "Point at bytes or at a field, or use the arrow keys.";
    hex.replaceWith(dump);
    dump.append(block.readout, hex);
  }

  function mark(block, item) {
    for (const old of block.querySelectorAll(".on")) old.classList.remove("on");
    for (const old of block.pieces) old.setAttribute("aria-selected", "false");
    if (!item) return;
    item.classList.add("on");
    const chosen = block.pieces.slice(...item.range);
    for (const piece of chosen) {
      piece.classList.add("on");
      piece.setAttribute("aria-selected", "true");
    }
    const from = chosen.length ? chosen[0].at : 0;
    const to = chosen.reduce((end, piece) => piece.at + piece.octets, from);
    const text = [...item.children].filter((part) => part.tagName !== "UL");
    const place = to - from === 1 ? `byte ${from}` : `bytes ${from} to ${to - 1}`;
    block.readout.textContent =
      `${text.map((part) => part.textContent).join(" · ")}${to > from ? ` · ${place}` : ""}`;
  }

  function itemOf(target) {
    if (!(target instanceof Element)) return [null, null];
    const block = target.closest(".bytes");
    if (!block || !block.pieces) return [null, null];
    const piece = target.closest(".hex i");
    return [block, piece ? piece.item : target.closest(".tree li")];
  }

  function point(event) {
    const [block, item] = itemOf(event.target);
    if (item) mark(block, item);
  }

  function focusIn(list, element) {
    for (const other of list) other.tabIndex = -1;
    element.tabIndex = 0;
    element.focus();
  }

  function visible(block) {
    return [...block.querySelectorAll(".tree li")].filter(
      (item) => !item.parentElement.closest("[aria-expanded='false']"),
    );
  }

  function expand(item, open) {
    if (item.hasAttribute("aria-expanded")) item.setAttribute("aria-expanded", String(open));
  }

  function arrows(event) {
    const [block, item] = itemOf(event.target);
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    const onPiece = event.target.closest(".hex i");
    const list = onPiece ? block.pieces : visible(block);
    const place = list.indexOf(onPiece || item);
    const open = item.getAttribute("aria-expanded");
    let to = null;
    if (event.key === "ArrowDown" || (onPiece && event.key === "ArrowRight")) to = list[place + 1];
    else if (event.key === "ArrowUp" || (onPiece && event.key === "ArrowLeft")) to = list[place - 1];
    else if (event.key === "Home") to = list[0];
    else if (event.key === "End") to = list[list.length - 1];
    else if (event.key === "ArrowRight" && open === "false") expand(item, true);
    else if (event.key === "ArrowRight" && open === "true") to = list[place + 1];
    else if (event.key === "ArrowLeft" && open === "true") expand(item, false);
    else if (event.key === "ArrowLeft") to = item.parentElement.closest("li");
    else if ((event.key === "Enter" || event.key === " ") && onPiece) reveal(block, item);
    else if (event.key === "Enter" || event.key === " ") expand(item, open === "false");
    else return;
    event.preventDefault();
    if (to) focusIn(list, to);
  }

  function reveal(block, item) {
    for (let above = item; above; above = above.parentElement.closest("li")) {
      if (above !== item) expand(above, true);
    }
    focusIn([...block.querySelectorAll(".tree li")], item);
  }

  document.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.matches("details.event")) {
      for (const block of event.target.querySelectorAll(".bytes")) prepare(block);
    }
  }, true);
  document.addEventListener("mouseover", point);
  document.addEventListener("focusin", point);
  document.addEventListener("keydown", arrows);
  document.addEventListener("click", (event) => {
    const [block, item] = itemOf(event.target);
    if (!item) return;
    if (event.target.closest(".hex i")) {
      reveal(block, item);
    } else if (!String(getSelection())) {
      expand(item, item.getAttribute("aria-expanded") === "false");
      focusIn(visible(block), item);
    }
  });

  // Time to scale: a row stands where its time says, or below the one before it.

  function scale(columns, on) {
    columns.classList.toggle("scaled", on);
    const lists = [...columns.querySelectorAll(".rows")].map((list) =>
      [...list.querySelectorAll(":scope > [data-at]")]);
    const times = lists.flat().map((row) => Number(row.dataset.at));
    const longest = Math.max(...times, 0.001);
    for (const list of lists) {
      for (const row of list) row.style.paddingTop = "";
      if (!on) continue;
      const heights = list.map((row) => row.firstElementChild.offsetHeight);
      let bottom = 0;
      list.forEach((row, number) => {
        const place = (Number(row.dataset.at) / longest) * SCALE_PIXELS;
        const space = Math.max(0, place - bottom);
        row.style.paddingTop = `${space}px`;
        bottom += space + heights[number];
      });
    }
  }

  const ACTIONS = {
    scale(button, part) {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      scale(part.querySelector(".columns"), on);
    },
    open(button, part) {
      part.querySelector(".columns").classList.add("all-open");
      for (const details of part.querySelectorAll("details.event")) {
        details.pair ??= details.getAttribute("name");
        details.removeAttribute("name"); // of which one is open at a time
        details.open = true;
      }
    },
    close(button, part) {
      part.querySelector(".columns").classList.remove("all-open");
      for (const details of part.querySelectorAll("details.event")) {
        details.open = false;
        if (details.pair) details.setAttribute("name", details.pair);
      }
    },
  };

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-do]");
    if (button) ACTIONS[button.dataset.do](button, button.closest(".handshake"));
  });

  // Links to a row or to a connection open it.

  function follow() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    const details = target.matches("details") ? target : target.querySelector(":scope > details.event");
    if (details) details.open = true;
    for (let above = target.closest("details"); above; above = above.parentElement.closest("details")) {
      above.open = true;
    }
    if (details) details.querySelector("summary").focus();
    target.scrollIntoView();
  }

  function reviveTools() {
    for (const tools of document.querySelectorAll(".tools[hidden]")) tools.hidden = false;
  }

  addEventListener("hashchange", follow);
  new MutationObserver(reviveTools).observe(document.documentElement, { childList: true, subtree: true });
  reviveTools();
  follow();
})();
