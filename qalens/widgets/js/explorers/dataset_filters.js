// @ts-check
// Which questions of a data set are listed, in which order: their outcomes, a search, slices, and the list saved as a table.

import { fill, h } from "../dom.js";
import { fmt } from "../numbers.js";

/** @import { DatasetRow, DatasetState, Outcome, Part } from "../types" */

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

/**
 * The numbers of the rows that pass the filters, in order: the same as `listed` in Python.
 *
 * @param {DatasetState} state
 */
export function listed(state) {
  const { ui, rows } = state;
  const kept = new Set(ui.get("outcomes")),
    query = ui.get("query").trim().toLowerCase();
  const sort = ui.get("sort"),
    turned = ui.get("descending") ? -1 : 1;
  /** @type {Record<string, (k: number) => number | null>} */
  const sorts = {
    order: k => k,
    margin: k => rows[k].margin,
    score: k => rows[k].score,
    probability: k => rows[k].probability,
    f1: k => rows[k].f1,
    "text length": k => rows[k].length,
  };
  const value = sorts[sort];
  const by = ui.get("slice_by"),
    slice = ui.get("slice"),
    values = state.view.slices[by];
  /** @param {number} k */
  const inSlice = k => !by || !slice || values?.[k] === slice;
  const found = rows
    .map((_row, k) => k)
    .filter(k => kept.has(rows[k].outcome) && state.folded[k].includes(query) && inSlice(k));
  return found.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || a - b;
    return turned * (x - y) || a - b;
  });
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
  /** @param {Outcome[]} names */
  const keep = names => ui.set("outcomes", names);
  /** @param {Outcome} name */
  const toggle = name => {
    const kept = new Set(ui.get("outcomes"));
    if (kept.has(name)) kept.delete(name);
    else kept.add(name);
    keep(view.outcomes.filter(one => kept.has(one)));
  };
  const buttons = counts.map(([name, count]) =>
    ui.button([paint(h("i", {}), name), `${name} `, h("b", {}, fmt.whole(count))], () => toggle(name), {
      pressed: true,
    }),
  );
  const mistakes = view.outcomes.filter(name => !name.startsWith("right") && name !== "not scored");
  const all = ui.button("all", () => keep([...view.outcomes]), { small: true });
  const wrong = ui.button("only mistakes", () => keep([...mistakes]), { small: true });
  const label = "Outcomes that are listed";
  return {
    el: h(
      "div",
      {},
      shareBar(counts),
      h("div", { class: "ql-ds-filters", role: "group", "aria-label": label }, buttons, all, wrong),
    ),
    show() {
      const kept = new Set(ui.get("outcomes"));
      counts.forEach(([name], k) => buttons[k].setAttribute("aria-pressed", String(kept.has(name))));
    },
  };
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
  const { ui, view } = state;
  const search = h("input", {
    type: "search",
    placeholder: "search questions, answers and texts",
    "aria-label": "Search",
    autocomplete: "off",
    spellcheck: "false",
  });
  const find = ui.later(() => ui.set("query", search.value), 120);
  ui.listen(search, "input", () => find());
  // Keys that are typed belong to the field alone.
  ui.listen(search, "keydown", event => event.stopPropagation());
  const select = h(
    "select",
    { "aria-label": "Sort by" },
    view.sorts.map(name => h("option", { value: name }, name)),
  );
  ui.listen(select, "change", () => ui.set("sort", select.value));
  ui.listen(select, "keydown", event => event.stopPropagation());
  const down = ui.button("↓", () => ui.set("descending", !ui.get("descending")), {
    pressed: false,
    small: true,
    name: "Descending",
  });
  const save = ui.button("save as table", () => saveTable(state), { small: true });
  const told = h("span", { class: "ql-push", "aria-live": "polite" });
  const slices = sliceControls(state);
  return {
    el: h(
      "div",
      { class: "ql-tools ql-ds-controls" },
      search,
      slices.el,
      h("span", {}, "sorted by "),
      select,
      down,
      save,
      told,
    ),
    show() {
      slices.show();
      if (search.value !== ui.get("query") && search.ownerDocument.activeElement !== search)
        search.value = ui.get("query");
      select.value = ui.get("sort");
      down.setAttribute("aria-pressed", String(ui.get("descending")));
      fill(told, `${fmt.whole(state.numbers.length)} listed`);
    },
  };
}

/**
 * Two lists: by what, and which of its values; each value with the number of its questions.
 *
 * @param {DatasetState} state
 */
function sliceControls(state) {
  const { ui, view } = state,
    kinds = Object.keys(view.slices);
  if (kinds.length === 0) return { el: null, show() {} };
  const by = h(
    "select",
    { "aria-label": "Only questions by" },
    h("option", { value: "" }, "all questions"),
    kinds.map(name => h("option", { value: name }, `by ${name}`)),
  );
  const which = h("select", { "aria-label": "Only these" });
  for (const select of [by, which]) ui.listen(select, "keydown", event => event.stopPropagation());
  ui.listen(by, "change", () => {
    ui.model.set("slice", "");
    ui.set("slice_by", by.value);
  });
  ui.listen(which, "change", () => ui.set("slice", which.value));
  return {
    el: h("span", { class: "ql-tools" }, by, which),
    show() {
      by.value = ui.get("slice_by");
      /** @type {Map<string, number>} */
      const counts = new Map();
      for (const value of view.slices[by.value] ?? [])
        if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
      const values = [...counts].sort((a, b) => b[1] - a[1]);
      which.hidden = values.length === 0;
      fill(
        which,
        h("option", { value: "" }, "any"),
        values.map(([value, n]) => h("option", { value }, `${value} (${fmt.whole(n)})`)),
      );
      which.value = ui.get("slice");
    },
  };
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
