// @ts-check
// Rows of which one is selected.

import { fill, h, set } from "./dom.js";

/** @import { Attributes } from "./types" */
/** @import { Ui } from "./ui.js" */

/**
 * A list of rows by number, of which the trait `selected` is one: the arrows move, Enter and a click take.
 *
 * @param {Ui} ui @param {Attributes} attributes of the list @param {string} [none] what is said where there is no row
 */
export function numberedList(ui, attributes, none) {
  const el = h("div", { role: "listbox", ...attributes });
  /** @type {{ k: number, item: HTMLElement }[]} */
  let rows = [];
  ui.rove(el, () => rows.map(row => row.item), { press: at => ui.set("selected", rows[at].k) });
  const mark = () => rows.forEach(({ k, item }) => set(item, { "aria-selected": k === ui.get("selected") }));
  /**
   * List others; `row` makes one of its number and of what makes it an option.
   *
   * @param {number[]} numbers @param {(k: number, option: Attributes) => HTMLElement} row
   */
  const show = (numbers, row) => {
    rows = numbers.map((k, at) => ({ k, item: row(k, { role: "option", tabindex: at === 0 ? 0 : -1 }) }));
    for (const { k, item } of rows) ui.listen(item, "click", () => ui.set("selected", k));
    fill(el, rows.length > 0 ? rows.map(row => row.item) : none !== undefined && h("p", { class: "ql-note" }, none));
    mark();
  };
  return { el, mark, show };
}
