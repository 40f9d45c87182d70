// @ts-check
// Parts that Python made as nodes (`display.html.element`), put on the page, and their rows as lists to choose from.

import { h, set } from "./dom.js";

/** @import { Child, PartNode } from "./types" */
/** @import { Ui } from "./ui.js" */

/**
 * A node, `[tag, {attribute: value}, ...children]`, as an element; without a tag its children alone.
 *
 * @param {PartNode} node @returns {Child}
 */
export function mount(node) {
  if (typeof node === "string") return node;
  const [tag, attributes, ...children] = node;
  return tag === "" ? children.map(mount) : h(tag, attributes, children.map(mount));
}

/** The title of a part, and what is to say of it. @param {string} name @param {...Child} about */
export function title(name, ...about) {
  return h("div", { class: "ql-h" }, h("strong", { role: "heading", "aria-level": 4 }, name), about);
}

/**
 * The rows of a table as a list of which one is chosen: arrows move, Enter and a click take. A row with one cell over all
 * columns only tells something.
 *
 * @param {Ui} ui
 * @param {HTMLElement} part that holds the table
 * @param {{ label: string, take: (row: number) => void, point?: (row: number | null) => void,
 *   move?: (row: number) => void }} does what a press does, what pointing does, and where it is another, what an arrow does
 */
export function pickable(ui, part, { label, take, point = () => {}, move = point }) {
  const table = part.querySelector("table");
  if (!table?.tHead) return { rows: [], mark() {} };
  const rows = optionsOf(table, table.tHead, label);
  rows.forEach((row, k) => {
    ui.listen(row, "click", () => take(k));
    ui.listen(row, "pointerenter", () => point(k));
    ui.listen(row, "pointerleave", () => point(null));
  });
  ui.rove(table, () => rows, { move, press: take });
  /** Mark a row as the chosen one; -1 for none. @param {number} chosen */
  const mark = chosen =>
    rows.forEach((row, k) => set(row, { "aria-selected": k === chosen, tabindex: k === Math.max(0, chosen) ? 0 : -1 }));
  mark(-1);
  return { rows, mark };
}

/**
 * Make a table a list to those who listen: the rows that can be chosen from it.
 *
 * @param {HTMLTableElement} table @param {HTMLTableSectionElement} head @param {string} label
 */
function optionsOf(table, head, label) {
  set(table, { role: "listbox", "aria-label": label });
  table.classList.add("ql-picks");
  set(head, { "aria-hidden": true });
  const names = [...head.rows[0].cells].map(cell => cell.textContent);
  for (const body of table.tBodies) set(body, { role: table.tBodies.length > 1 ? "group" : "none" });
  /** @type {HTMLTableRowElement[]} */
  const options = [];
  for (const row of [...table.tBodies].flatMap(body => [...body.rows])) {
    if (row.cells[0].colSpan > 1) set(row, { role: "none" });
    else options.push(row);
  }
  for (const row of options) {
    set(row, { role: "option", "aria-label": rowWords(row, names), "data-lm-suppress-shortcuts": true });
  }
  return options;
}

/** A row in words, each cell under its name. @param {HTMLTableRowElement} row @param {string[]} names */
function rowWords(row, names) {
  /** @param {HTMLTableCellElement} cell @param {number} k */
  const told = (cell, k) =>
    [k > 0 && names[k], cell.textContent || cell.querySelector(".ql-bar")?.getAttribute("title")]
      .filter(Boolean)
      .join(" ");
  return [...row.cells].map(told).join(", ");
}
