// @ts-check
// Parts that Python made as nodes (`display.html.element`), put on the page, and their rows as lists to choose from.

import { h } from "./dom.js";
import { fmt } from "./numbers.js";

/** @import { Attributes, Child, PartNode } from "./types" */
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

/** How sure a decision is: the probability of the answer, or of none. @param {boolean} answered @param {number} p */
export function sure(answered, p) {
  return h("span", { class: `ql-sure ql-t-${answered ? "answer" : "none"}` }, fmt.percent(p));
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
  set(table, { role: "listbox", "aria-label": label });
  table.classList.add("ql-picks");
  table.tHead.setAttribute("aria-hidden", "true");
  const names = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
  /** @param {HTMLTableCellElement} cell @param {number} k */
  const told = (cell, k) =>
    [k > 0 && names[k], cell.textContent || cell.querySelector(".ql-bar")?.getAttribute("title")]
      .filter(Boolean)
      .join(" ");
  /** @type {HTMLTableRowElement[]} */
  const rows = [];
  for (const body of table.tBodies) {
    set(body, { role: table.tBodies.length > 1 ? "group" : "none" });
    for (const row of body.rows) {
      if (row.cells[0].colSpan > 1) set(row, { role: "none" });
      else rows.push(row);
    }
  }
  rows.forEach((row, k) => {
    set(row, {
      role: "option",
      tabindex: -1,
      "aria-selected": false,
      "aria-label": [...row.cells].map(told).join(", "),
    });
    set(row, { "data-lm-suppress-shortcuts": true });
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

/** @param {Element} element @param {Attributes} attributes */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}
