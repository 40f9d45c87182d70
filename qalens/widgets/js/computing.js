// @ts-check
// What explorers that compute share: how far it is, and lists of what was computed.

import { append, fill, h, said } from "./dom.js";

/** @import { Child, Computing } from "./types" */
/** @import { Ui } from "./ui.js" */

/**
 * How far the computation is, with a button that stops it; or why there is nothing.
 *
 * @param {Ui} ui @param {{ live: boolean, missing: () => boolean, label: string }} options
 */
export function worker(ui, { live, missing, label }) {
  const el = h("section", { class: "ql-work" });
  const start = ui.button(label, () => ui.send({ do: "compute" }));
  const tell = busyLine(ui, el);
  const show = () => {
    /** @type {Computing} */
    const status = ui.get("status");
    if (live && status.state === "computing") tell(status);
    else if (status.state === "failed") fill(el, notComputed(status));
    else fill(el, live && missing() && [start, h("span", { class: "ql-soft" }, whyNothing(status))]);
    el.hidden = el.childNodes.length === 0;
  };
  return { el, show };
}

/**
 * A function that tells in an element how far a computation is.
 *
 * @param {Ui} ui @param {HTMLElement} el @returns {(status: Computing) => void}
 */
function busyLine(ui, el) {
  const look = ui.reduced ? "ql-busy ql-calm" : "ql-busy";
  const bar = h("span", { class: look, role: "progressbar", "aria-label": "Computing" });
  const stop = ui.button("Stop", () => ui.send({ do: "cancel" }), { small: true });
  const words = h("span", {}),
    done = h("span", { class: "ql-soft" });
  return status => {
    words.textContent = `Computing ${status.words}.`;
    done.textContent = status.done ?? "";
    if (bar.isConnected) return;
    fill(el, bar, stop, words, done);
    ui.say(words.textContent);
  };
}

/** @param {Computing} status */
function notComputed({ words }) {
  return h("p", { class: "ql-warning", role: "alert" }, h("strong", {}, "⚠ Not computed. "), words);
}

/** @param {Computing} status */
function whyNothing({ state, words }) {
  return state === "cancelled" ? words : "Nothing was computed for this choice yet.";
}

/**
 * Words with quotations in them, each kept apart, so that no writing direction turns the words around it.
 *
 * @param {string} words
 */
export function quotations(words) {
  return words.split(/“([^”]*)”/).map((piece, k) => (k % 2 ? ["“", said(piece), "”"] : piece));
}

/**
 * A list of which one is selected: the arrows move, Enter and a click take.
 *
 * @param {Ui} ui @param {{ label: string, rows: Child[], selected: boolean[], take: (row: number) => void }} options
 */
export function listOf(ui, { label, rows, selected, take }) {
  const el = h("div", { class: "ql-pick", role: "listbox", "aria-label": label });
  const stop = Math.max(0, selected.indexOf(true));
  const items = rows.map((row, k) =>
    h("div", { role: "option", tabindex: k === stop ? 0 : -1, "aria-selected": String(selected[k]) }, row),
  );
  items.forEach((item, k) => ui.listen(item, "click", () => take(k)));
  ui.rove(el, () => items, { press: take });
  append(el, items);
  return el;
}
