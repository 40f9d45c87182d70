// @ts-check
// What is selected in a text: its mark, a line that tells of it, and the key that lets go of it.

import { fill, h, said } from "./dom.js";

/** @import { Stretch } from "./types" */
/** @import { Prose } from "./pictures/prose.js" */
/** @import { Ui } from "./ui.js" */

/**
 * One line of facts, a name and what is to say of it; or how to begin.
 *
 * @param {() => string[] | null} facts @param {string} hint
 */
export function factLine(facts, hint) {
  const el = h("div", { class: "ql-readout" });
  return {
    el,
    words: () => (facts() ?? ["nothing is selected"]).join(", "),
    show() {
      const [name, ...rest] = facts() ?? [];
      fill(el, name === undefined ? hint : [h("b", {}, said(name)), rest.map(part => [" · ", part])]);
    },
  };
}

/**
 * Mark in a text the characters that are selected, now and whenever others are.
 *
 * @param {Ui} ui @param {Prose} prose @param {(range: Stretch) => Stretch[]} [places] where they are in this text
 */
export function markSelection(ui, prose, places = range => [range]) {
  const mark = () => prose.mark("selected", ui.selection === null ? [] : places(ui.selection));
  ui.on("selected", mark);
  mark();
}

/** Let go of what is selected where that is what a key says: whether it did. @param {Ui} ui @param {string} key */
export function letGo(ui, key) {
  if (key !== "Escape" || ui.get("selected") === null) return false;
  ui.set("selected", null);
  return true;
}
