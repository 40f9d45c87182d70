// @ts-check
// The questions of a data set: filtered by outcome, sorted, searched, and one of them open.

import { append, fill, h, said } from "../dom.js";
import { headline } from "../headline.js";
import { numberedList } from "../lists.js";
import { clamp, fmt, NO_ANSWER } from "../numbers.js";
import { Prose } from "../pictures/prose.js";
import { listControls, listed, outcomeFilters, sign } from "./dataset_filters.js";

/** @import { Attributes, Child, DatasetColumn, DatasetRow, DatasetState, DatasetView, Head, Part } from "../types" */
/** @import { Ui } from "../ui.js" */

const DS_PAGE = 20; // rows of a page

/** @param {Ui} ui */
export function explore(ui) {
  const state = stateOf(ui);
  const filters = outcomeFilters(state),
    controls = listControls(state),
    list = rowList(state),
    open = openRow(state);
  append(ui.root, [
    wholeHead(state),
    h("section", { "aria-label": "Filters" }, filters.el, controls.el),
    h("div", { class: "ql-ds-both" }, h("section", { "aria-label": "Questions" }, list.el), open.el),
  ]);
  connect(state, { filters, controls, list, open });
}

/** @param {Ui} ui @returns {DatasetState} */
function stateOf(ui) {
  /** @type {DatasetView} */
  const view = ui.get("view");
  // What a search looks through, folded once.
  const folded = view.rows.map(row =>
    [row.question, row.answer ?? "", ...(row.golds ?? []), row.text === null ? "" : view.texts[row.text]]
      .join("\n")
      .toLowerCase(),
  );
  return { ui, view, rows: view.rows, page: 0, folded, columns: columnsOf(view.rows), numbers: [] };
}

/**
 * Let the parts follow the filters and the question that is chosen.
 *
 * @param {DatasetState} state
 * @param {{ filters: Part, controls: Part, list: ReturnType<typeof rowList>, open: ReturnType<typeof openRow> }} parts
 */
function connect(state, { filters, controls, list, open }) {
  const { ui } = state;
  const refilter = () => {
    state.numbers = listed(state);
    filters.show();
    controls.show();
    list.turn(0);
  };
  for (const name of ["outcomes", "query", "sort", "descending", "slice_by", "slice"]) ui.on(name, refilter);
  // Where there is no room beside the list, what opens is brought in sight.
  const inSight = ui.frame(() => open.el.scrollIntoView({ block: "nearest" }));
  for (const follow of [list.follow, open.show, inSight]) ui.on("selected", follow);
  ui.on("opens", open.show);
  refilter();
  list.follow();
  open.show();
}

/** How many questions there are, and how they went. @param {DatasetState} state */
function wholeHead({ rows }) {
  const scored = rows.filter(row => row.f1 !== null);
  return h(
    "header",
    { class: "ql-head" },
    h("span", { class: "ql-question", role: "heading", "aria-level": 3 }, fmt.count(rows.length, "question")),
    scored.length > 0 ? scores(scored) : decisions(rows),
  );
}

/** Without gold answers: how many have an answer. @param {DatasetRow[]} rows */
function decisions(rows) {
  const read = rows.filter(row => row.error === null),
    answered = read.filter(row => row.answer !== null).length;
  return h(
    "span",
    { class: "ql-soft" },
    `${fmt.whole(answered)} answered, ${fmt.whole(read.length - answered)} with no answer`,
  );
}

/** @param {DatasetRow[]} scored */
function scores(scored) {
  const exact = scored.filter(row => row.outcome.startsWith("right")).length / scored.length;
  const f1 = scored.reduce((sum, row) => sum + (row.f1 ?? 0), 0) / scored.length;
  return h(
    "span",
    { class: "ql-verdict" },
    h("span", { class: "ql-soft" }, "right "),
    h("strong", {}, fmt.percent(exact)),
    h("span", { class: "ql-soft" }, "  F1 "),
    h("strong", {}, (100 * f1).toFixed(1)),
  );
}

/**
 * The columns that the list may have, each left out where `known` is true of no row. `sort` is what a click on the head
 * sorts by.
 *
 * @type {DatasetColumn[]}
 */
const COLUMNS = [
  {
    name: "question",
    sort: "order",
    wide: "minmax(0, 5fr)",
    cell: row => h("span", { class: "ql-ds-whole" }, said(row.question)),
  },
  {
    name: "answer",
    wide: "minmax(0, 3fr)",
    cell: row => h("span", { class: row.answer === null ? "ql-soft" : "" }, answerWords(row)),
  },
  {
    name: "gold",
    wide: "minmax(0, 3fr)",
    late: true,
    known: row => row.golds !== null,
    cell: row => h("span", { class: "ql-soft" }, goldWords(row)),
  },
  {
    name: "document",
    wide: "minmax(0, 2fr)",
    known: row => row.document !== null,
    cell: row => h("span", { class: "ql-soft" }, row.document === null ? "–" : said(row.document)),
  },
  {
    name: "P",
    sort: "probability",
    wide: "4.2rem",
    number: true,
    cell: row => h("span", {}, fmt.percent(row.probability)),
  },
  {
    name: "F1",
    sort: "f1",
    wide: "2.8rem",
    number: true,
    known: row => row.f1 !== null,
    cell: row => h("span", {}, f1Words(row)),
  },
  {
    name: "margin",
    sort: "margin",
    wide: "4rem",
    number: true,
    late: true,
    cell: row => h("span", {}, fmt.logit(row.margin)),
  },
];

/** @param {DatasetRow[]} rows */
function columnsOf(rows) {
  return COLUMNS.filter(({ known }) => known === undefined || rows.some(known));
}

// --- the list ---------------------------------------------------------------------------------------------------------

/** @param {DatasetState} state */
function rowList(state) {
  const heads = state.columns.map(column => columnHead(state, column));
  const list = numberedList(state.ui, { "aria-label": "Questions" }, "No question passes the filters.");
  /** @param {number} page */
  const turn = page => {
    state.page = page;
    heads.forEach(head => head.show());
    list.show(state.numbers.slice(page * DS_PAGE, (page + 1) * DS_PAGE), (k, option) => listRow(state, k, option));
    pages.show();
  };
  const pages = pager(state, turn);
  /** Turn to the page of the selected row. */
  const follow = () => {
    const page = selectedPage(state);
    if (page !== state.page) turn(page);
    list.mark();
  };
  return { el: h("div", { class: "ql-ds-list" }, columnNames(state, heads), list.el, pages.el), turn, follow };
}

/** The page of the selected row; where that is not listed, the one that is open. @param {DatasetState} state */
function selectedPage({ ui, numbers, page }) {
  const at = numbers.indexOf(ui.get("selected"));
  return at < 0 ? page : Math.floor(at / DS_PAGE);
}

/** @param {DatasetState} state @param {{ el: HTMLElement }[]} heads */
function columnNames(state, heads) {
  const el = h(
    "div",
    { class: "ql-ds-row ql-ds-names" },
    h("span", {}),
    heads.map(head => head.el),
  );
  setColumns(state, el);
  return el;
}

/**
 * Buttons that turn the pages, and a field that goes to a question.
 *
 * @param {DatasetState} state @param {(page: number) => void} turned
 */
function pager(state, turned) {
  /** @param {string} label @param {string} name @param {number} by */
  const turn = (label, name, by) =>
    state.ui.button(label, () => turned(clamp(state.page + by, 0, lastPage(state))), { small: true, name });
  const back = [turn("« first", "First page", -Infinity), turn("‹ back", "Page back", -1)];
  const on = [turn("on ›", "Page on", 1), turn("last »", "Last page", Infinity)];
  const place = h("span", {}),
    jump = h("span", { class: "ql-push" }, "go to question ", numberField(state));
  const el = h("div", { class: "ql-tools ql-ds-pages" }, back, on, place, jump);
  const show = () => {
    el.hidden = lastPage(state) === 0;
    for (const button of back) button.disabled = state.page === 0;
    for (const button of on) button.disabled = state.page === lastPage(state);
    fill(place, pageWords(state));
  };
  return { el, show };
}

/** @param {DatasetState} state */
function lastPage({ numbers }) {
  return Math.max(0, Math.ceil(numbers.length / DS_PAGE) - 1);
}

/** @param {DatasetState} state */
function pageWords({ numbers, page }) {
  const from = page * DS_PAGE,
    to = Math.min(from + DS_PAGE, numbers.length);
  return `${fmt.whole(from + 1)}–${fmt.whole(to)} of ${fmt.whole(numbers.length)}`;
}

/** A field for the number of a question, which Enter opens. @param {DatasetState} state */
function numberField({ ui, rows }) {
  const field = h("input", {
    type: "text",
    class: "ql-ds-jump",
    placeholder: "number",
    "aria-label": "Go to the question with this number",
    autocomplete: "off",
  });
  ui.listen(field, "keydown", event => {
    event.stopPropagation();
    const k = Number(field.value) - 1;
    if (event.key === "Enter" && Number.isInteger(k) && k >= 0 && k < rows.length) ui.set("selected", k);
  });
  return field;
}

/** @param {DatasetState} state @param {number} k @param {Attributes} option */
function listRow(state, k, option) {
  const row = state.rows[k];
  const el = h(
    "div",
    { class: "ql-ds-row", "data-row": k, title: `${row.outcome}: ${row.question}`, ...option },
    h("span", { class: "ql-ds-sign" }, sign(row.outcome)),
    state.columns.map(column => placed(column, column.cell(row))),
  );
  setColumns(state, el);
  return el;
}

/**
 * The head of a column; where it can be sorted by, a button, and a second press turns the order round.
 *
 * @param {DatasetState} state @param {DatasetColumn} column
 */
function columnHead({ ui }, column) {
  const { name, sort } = column;
  if (sort === undefined) return { el: placed(column, h("span", {}, name)), show() {} };
  const button = ui.button(name, () => sortBy(ui, sort), { small: true });
  return {
    el: placed(column, h("span", {}, button)),
    show() {
      const on = ui.get("sort") === sort;
      button.textContent = `${name}${on ? (ui.get("descending") ? " ↓" : " ↑") : ""}`;
      button.setAttribute("aria-pressed", String(on));
    },
  };
}

/** @param {Ui} ui @param {string} sort */
function sortBy(ui, sort) {
  if (ui.get("sort") === sort) ui.set("descending", !ui.get("descending"));
  else ui.set("sort", sort);
}

/** @param {DatasetColumn} column @param {HTMLElement} cell */
function placed(column, cell) {
  if (column.number) cell.classList.add("ql-ds-number");
  if (column.late) cell.classList.add("ql-ds-late");
  return cell;
}

/**
 * As wide as the columns that there are: once for all, and once where there is little room.
 *
 * @param {DatasetState} state @param {HTMLElement} el
 */
function setColumns(state, el) {
  /** @param {DatasetColumn[]} columns */
  const widths = columns => ["1.2rem", ...columns.map(column => column.wide)].join(" ");
  el.style.setProperty("--columns", widths(state.columns));
  el.style.setProperty("--few", widths(state.columns.filter(column => !column.late)));
}

/** @param {DatasetRow} row */
function answerWords(row) {
  if (row.error !== null && row.margin === null) return "not read";
  return row.answer === null ? NO_ANSWER : said(row.answer);
}

/** @param {DatasetRow} row */
function f1Words(row) {
  return row.f1 === null ? "–" : (100 * row.f1).toFixed(0);
}

/** @param {DatasetRow} row @returns {Child} */
function goldWords(row) {
  if (row.golds === null) return "not known";
  return row.golds.length === 0 ? "none" : row.golds.map((gold, k) => [k > 0 && " · ", said(gold)]);
}

// --- the open row -------------------------------------------------------------------------------------------------------

/** @param {DatasetState} state */
function openRow(state) {
  const { ui } = state,
    el = h("section", { class: "ql-ds-open", "aria-label": "The question that is open" });
  const show = () => {
    const row = ui.get("opens") ? state.rows[ui.get("selected")] : undefined;
    el.hidden = row === undefined;
    el.parentElement?.classList.toggle("ql-ds-split", !el.hidden);
    fill(el, row !== undefined && openParts(state, row));
  };
  return { el, show };
}

/** @param {DatasetState} state @param {DatasetRow} row @returns {Child} */
function openParts({ ui, view }, row) {
  return [
    headline(headOfRow(row)),
    rowFacts(row),
    row.error !== null && h("p", { class: "ql-note" }, row.error),
    row.text === null
      ? h("p", { class: "ql-note" }, "A report keeps no texts.")
      : openText(ui, view.texts[row.text], row),
  ];
}

/** @param {DatasetRow} row */
function rowFacts(row) {
  return h(
    "div",
    { class: "ql-ds-facts" },
    h("span", {}, "outcome ", h("b", {}, row.outcome)),
    h("span", {}, "gold ", h("b", {}, goldWords(row))),
    row.cause !== null && h("span", {}, "cause ", h("b", {}, said(row.cause))),
    h("span", {}, "F1 ", h("b", {}, f1Words(row))),
    h("span", {}, "margin ", h("b", {}, fmt.logit(row.margin))),
    h("span", {}, "best score ", h("b", {}, fmt.logit(row.score))),
  );
}

/**
 * What was said of a question, with the probability of the place of its answer.
 *
 * @param {DatasetRow} row @returns {Omit<Head, "below">}
 */
function headOfRow(row) {
  const { question: asked, answer, probability: p, place } = row;
  if (row.margin === null && row.error !== null)
    return { asked, said: [["not read", false]], number: "", tone: "", notes: [] };
  const exact = `${fmt.percent(p)} for exactly these words`;
  const notes = answer === null ? ["probability of no answer"] : ["probability that the answer is here", exact];
  return {
    asked,
    said: [[answer ?? NO_ANSWER, answer !== null]],
    number: fmt.percent(place ?? p),
    tone: answer === null ? "none" : "answer",
    notes: notes.map(words => [[words, false]]),
  };
}

/** @param {Ui} ui @param {string} text @param {DatasetRow} row */
function openText(ui, text, row) {
  const spans = [...row.gold_spans, ...(row.best === null ? [] : [row.best])].sort(
    (a, b) => a[0] - b[0] || a[1] - b[1],
  );
  const prose = new Prose(ui, {
    text,
    begin: spans.map(span => span[0]),
    end: spans.map(span => span[1]),
    tall: 300,
    label: "The text; arrows go to the gold answers and to the best span",
    describe: t => (row.best?.join() === spans[t].join() ? "the best span" : "a gold answer"),
  });
  if (row.best !== null) prose.mark(row.answer === null ? "rejected" : "best", [row.best]);
  prose.mark("gold", row.gold_spans);
  return [prose.el, openLegend(row)];
}

/** @param {DatasetRow} row */
function openLegend({ best, answer, gold_spans }) {
  const [name, words] = answer === null ? ["rejected", "best span, rejected"] : ["best", "answer"];
  return h(
    "div",
    { class: "ql-legend" },
    best !== null && h("span", { class: `ql-mark-${name}` }, words),
    gold_spans.length > 0 && h("span", { class: "ql-mark-gold" }, "gold"),
  );
}
