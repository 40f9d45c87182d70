// @ts-check
// Which questions of a data set are listed, in which order: their outcomes, a search, slices, and the list saved as a table.

import { fill, h } from "../dom.js";
import { fmt } from "../numbers.js";

/** @import { Child, DatasetRow, DatasetState, Outcome, Part } from "../types" */
/** @import { Ui } from "../ui.js" */

// Answered is blue, abstained orange; what is wrong is hatched and has a cross.
/** @type {Record<Outcome, [string, boolean]>} */
const DS_LOOK = {
  "right span": ["answer", true],
  "wrong edges": ["answer", false],
  "wrong span": ["answer", false],
  "false answer": ["answer", false],
  "false no-answer": ["none", false],
  "right no-answer": ["none", true],
  "not scored": ["soft", false],
};

/** What the rows can be sorted by. @type {Record<string, (row: DatasetRow, number: number) => number | null>} */
const SORTS = {
  order: (_row, number) => number,
  margin: row => row.margin,
  score: row => row.score,
  probability: row => row.probability,
  f1: row => row.f1,
  "text length": row => row.length,
};

/**
 * The numbers of the rows that pass the filters, in order: the same as `listed` in Python.
 *
 * @param {DatasetState} state
 */
export function listed(state) {
  const { ui, rows } = state;
  const value = SORTS[ui.get("sort")],
    turned = ui.get("descending") ? -1 : 1;
  const found = rows.map((_row, k) => k).filter(passing(state));
  return found.sort((a, b) => {
    const [x, y] = [value(rows[a], a), value(rows[b], b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || a - b;
    return turned * (x - y) || a - b;
  });
}

/** Which rows pass the filters, by their number. @param {DatasetState} state @returns {(k: number) => boolean} */
function passing({ ui, view, rows, folded }) {
  const kept = new Set(ui.get("outcomes")),
    query = ui.get("query").trim().toLowerCase();
  const by = ui.get("slice_by"),
    slice = ui.get("slice"),
    values = view.slices[by];
  /** @param {number} k */
  const inSlice = k => !by || !slice || values?.[k] === slice;
  return k => kept.has(rows[k].outcome) && folded[k].includes(query) && inSlice(k);
}

/** @template {HTMLElement} E @param {E} element @param {Outcome} outcome */
function paint(element, outcome) {
  const [colour, right] = DS_LOOK[outcome];
  element.style.setProperty("--ql-part", `var(--ql-${colour})`);
  if (!right) element.classList.add("ql-ds-wrong");
  return element;
}

/** A sign for whether an outcome is right. @param {Outcome} outcome */
export function sign(outcome) {
  if (outcome === "not scored") return "·";
  return DS_LOOK[outcome][1] ? "✓" : "✗";
}

/** @param {DatasetState} state @returns {Part} */
export function outcomeFilters(state) {
  const { ui, view } = state;
  const counts = outcomeCounts(state);
  // Without gold answers there is only one outcome, which tells nothing.
  if (counts.length === 1 && counts[0][0] === "not scored") return { el: null, show() {} };
  const buttons = counts.map(([name, count]) => outcomeButton(state, name, count));
  const all = ui.button("all", () => ui.set("outcomes", [...view.outcomes]), { small: true });
  const wrong = ui.button("only mistakes", () => ui.set("outcomes", view.outcomes.filter(isMistake)), { small: true });
  const group = { class: "ql-ds-filters", role: "group", "aria-label": "Outcomes that are listed" };
  return {
    el: h("div", {}, shareBar(counts), h("div", group, buttons, all, wrong)),
    show() {
      const kept = new Set(ui.get("outcomes"));
      counts.forEach(([name], k) => buttons[k].setAttribute("aria-pressed", String(kept.has(name))));
    },
  };
}

/** @param {Outcome} outcome */
function isMistake(outcome) {
  return !DS_LOOK[outcome][1] && outcome !== "not scored";
}

/**
 * A button that lists the questions of an outcome, or leaves them out.
 *
 * @param {DatasetState} state @param {Outcome} name @param {number} count
 */
function outcomeButton({ ui, view }, name, count) {
  const label = [paint(h("i", {}), name), `${name} `, h("b", {}, fmt.whole(count))];
  const toggle = () => {
    const kept = new Set(ui.get("outcomes"));
    if (!kept.delete(name)) kept.add(name);
    ui.set(
      "outcomes",
      view.outcomes.filter(one => kept.has(one)),
    );
  };
  return ui.button(label, toggle, { pressed: true });
}

/** The outcomes that there are, and how many questions have each. @param {DatasetState} state */
function outcomeCounts({ view, rows }) {
  /** @type {[Outcome, number][]} */
  const counts = view.outcomes.map(name => [name, rows.filter(row => row.outcome === name).length]);
  return counts.filter(([, count]) => count > 0);
}

/** One bar, parted by the outcomes. @param {[Outcome, number][]} counts */
function shareBar(counts) {
  const label = counts.map(([name, count]) => `${name} ${count}`).join(", ");
  return h(
    "div",
    { class: "ql-ds-share", role: "img", "aria-label": label },
    counts.map(([name, count]) => {
      const part = paint(h("i", { title: `${name}: ${fmt.whole(count)}` }), name);
      part.style.setProperty("flex-grow", String(count));
      part.style.setProperty("flex-basis", "0");
      return part;
    }),
  );
}

/** @param {DatasetState} state */
export function listControls(state) {
  const { ui } = state;
  const search = searchField(ui),
    slices = sliceControls(state),
    order = orderControls(state);
  const save = ui.button("save as table", () => saveTable(state), { small: true });
  const told = h("span", { class: "ql-push", "aria-live": "polite" });
  return {
    el: h("div", { class: "ql-tools ql-ds-controls" }, search.el, slices.el, order.el, save, told),
    show() {
      for (const part of [search, slices, order]) part.show();
      fill(told, `${fmt.whole(state.numbers.length)} listed`);
    },
  };
}

/** @param {Ui} ui */
function searchField(ui) {
  const el = h("input", {
    type: "search",
    placeholder: "search questions, answers and texts",
    "aria-label": "Search",
    autocomplete: "off",
    spellcheck: "false",
  });
  const find = ui.later(() => ui.set("query", el.value), 120);
  ui.listen(el, "input", () => find());
  ui.keepKeys(el);
  const show = () => {
    if (el.value !== ui.get("query") && el.ownerDocument.activeElement !== el) el.value = ui.get("query");
  };
  return { el, show };
}

/** By what the list is sorted, and from where. @param {DatasetState} state */
function orderControls({ ui, view }) {
  const sort = selectOf(
    ui,
    "Sort by",
    view.sorts.map(name => option(name, name)),
  );
  ui.listen(sort, "change", () => ui.set("sort", sort.value));
  const turn = () => ui.set("descending", !ui.get("descending"));
  const down = ui.button("↓", turn, { pressed: false, small: true, name: "Descending" });
  return {
    el: [h("span", {}, "sorted by "), sort, down],
    show() {
      sort.value = ui.get("sort");
      down.setAttribute("aria-pressed", String(ui.get("descending")));
    },
  };
}

/** @param {Ui} ui @param {string} label @param {...Child} options */
function selectOf(ui, label, ...options) {
  const el = h("select", { "aria-label": label }, options);
  ui.keepKeys(el);
  return el;
}

/** @param {string} value @param {string} words */
function option(value, words) {
  return h("option", { value }, words);
}

/**
 * Two lists: by what, and which of its values; each value with the number of its questions.
 *
 * @param {DatasetState} state
 */
function sliceControls({ ui, view }) {
  const kinds = Object.keys(view.slices).map(name => option(name, `by ${name}`));
  if (kinds.length === 0) return { el: null, show() {} };
  const by = selectOf(ui, "Only questions by", option("", "all questions"), kinds),
    which = selectOf(ui, "Only these");
  ui.listen(by, "change", () => {
    ui.model.set("slice", "");
    ui.set("slice_by", by.value);
  });
  ui.listen(which, "change", () => ui.set("slice", which.value));
  const show = () => {
    by.value = ui.get("slice_by");
    listValues(which, view.slices[by.value] ?? []);
    which.value = ui.get("slice");
  };
  return { el: h("span", { class: "ql-tools" }, by, which), show };
}

/** Values to choose from, the most frequent first. @param {HTMLSelectElement} select @param {(string | null)[]} values */
function listValues(select, values) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  select.hidden = counts.size === 0;
  const frequent = [...counts].sort((a, b) => b[1] - a[1]);
  fill(
    select,
    option("", "any"),
    frequent.map(([value, n]) => option(value, `${value} (${fmt.whole(n)})`)),
  );
}

/** @typedef {string | number | null | undefined} Value  Of a cell. */

/** @type {[string, (row: DatasetRow, number: number) => Value][]} */
const SAVED = [
  ["number", (_row, number) => number],
  ["question", row => row.question],
  ["answer", row => row.answer],
  ["gold", row => row.golds?.join(" | ")],
  ["outcome", row => row.outcome],
  ["f1", row => row.f1],
  ["margin", row => row.margin],
  ["score", row => row.score],
  ["probability", row => row.probability],
  ["text_length", row => row.length],
  ["cause", row => row.cause],
  ["error", row => row.error],
];

/** The listed rows as comma-separated values, for a spreadsheet. @param {DatasetState} state */
function saveTable(state) {
  const names = SAVED.map(([name]) => name);
  const lines = state.numbers.map(k => SAVED.map(([, value]) => savedCell(value(state.rows[k], k))));
  const text = [names, ...lines].map(cells => cells.join(",")).join("\r\n");
  const place = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  const link = h("a", { download: "qalens-rows.csv" });
  link.href = place;
  link.click();
  state.ui.later(() => URL.revokeObjectURL(place), 1000)();
  state.ui.done(() => URL.revokeObjectURL(place));
}

/** A value as a cell of a spreadsheet. @param {Value} value */
function savedCell(value) {
  if (value === null || value === undefined) return "";
  // A spreadsheet would run a text that begins like a formula, also behind what it does not show, and in full width.
  const isFormula = typeof value === "string" && /^[\s\p{C}\p{M}\p{Z}]*[=+\-@＝＋－＠﹢﹣﹦﹫−]|^[\t\r\n]/u.test(value);
  const text = isFormula ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
