// @ts-check
// What was computed, as a list.

import { listOf, quotations } from "../computing.js";
import { h } from "../dom.js";
import { fmt } from "../numbers.js";
import { title } from "../parts.js";

/** @import { Child } from "../types" */
/** @import { Ui } from "../ui.js" */

/**
 * Everything that was computed, to be shown again at once; nothing where there is no other than the one that is shown.
 *
 * @template {{ words: string, amount: number | null }} Entry
 * @param {Ui} ui @param {(entry: Entry) => string} how an entry was computed @param {(k: number) => void} take
 * @returns {Child}
 */
export function computedList(ui, how, take) {
  /** @type {Entry[]} */
  const found = ui.get("found");
  if (found.length < 2) return null;
  const rows = found.map(one => [
    h("span", {}, quotations(one.words)),
    h("span", { class: "ql-soft" }, how(one)),
    h("span", {}, fmt.logit(one.amount)),
  ]);
  const selected = found.map((_, k) => k === ui.get("shown"));
  return [title("Computed", "shown again without the model"), listOf(ui, { label: "Computed", rows, selected, take })];
}
