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
  const stop = ui.button("Stop", () => ui.send({ do: "cancel" }), { small: true });
  const bar = h("span", {
    class: ui.reduced ? "ql-busy ql-calm" : "ql-busy",
    role: "progressbar",
    "aria-label": "Computing",
  });
  const words = h("span", {}),
    done = h("span", { class: "ql-soft" });
  const show = () => {
    /** @type {Computing} */
    const status = ui.get("status");
    const busy = live && status.state === "computing";
    if (busy) {
      words.textContent = `Computing ${status.words}.`;
      done.textContent = status.done ?? "";
      if (!bar.isConnected) {
        fill(el, bar, stop, words, done);
        ui.say(words.textContent);
      }
    } else if (status.state === "failed") {
      fill(el, h("p", { class: "ql-warning", role: "alert" }, h("strong", {}, "⚠ Not computed. "), status.words));
    } else if (live && missing()) {
      fill(
        el,
        start,
        h(
          "span",
          { class: "ql-soft" },
          status.state === "cancelled" ? status.words : "Nothing was computed for this choice yet.",
        ),
      );
    } else fill(el);
    el.hidden = el.childNodes.length === 0;
  };
  return { el, show };
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
  const items = rows.map((row, k) => {
    const item = h(
      "div",
      {
        role: "option",
        tabindex: k === Math.max(0, selected.indexOf(true)) ? 0 : -1,
        "aria-selected": String(selected[k]),
      },
      row,
    );
    ui.listen(item, "click", () => take(k));
    return item;
  });
  ui.rove(el, () => items, { press: take });
  append(el, items);
  return el;
}
