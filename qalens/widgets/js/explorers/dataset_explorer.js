// @ts-check
// The questions of a data set: filtered by outcome, sorted, searched, and one of them open.

import { append, fill, h, said } from "../dom.js";
import { headline } from "../headline.js";
import { clamp, fmt, NO_ANSWER } from "../numbers.js";
import { Prose } from "../pictures/prose.js";
import { listControls, listed, outcomeFilters, sign } from "./dataset_filters.js";

/** @import { Child, DatasetColumn, DatasetRow, DatasetState, DatasetView, Head } from "../types" */
/** @import { Ui } from "../ui.js" */

const DS_PAGE = 20; // rows of a page

/** @param {Ui} ui */
export function explore(ui) {
  /** @type {DatasetView} */
  const view = ui.get("view");
  // What a search looks through, folded once.
  const folded = view.rows.map(row =>
    [row.question, row.answer ?? "", ...(row.golds ?? []), row.text === null ? "" : view.texts[row.text]]
      .join("\n")
      .toLowerCase(),
  );
  /** @type {DatasetState} */
  const state = { ui, view, rows: view.rows, page: 0, folded, columns: columnsOf(view.rows), numbers: [] };
  const filters = outcomeFilters(state),
    controls = listControls(state),
    list = rowList(state),
    open = openRow(state);
  append(ui.root, [
    h(
      "header",
      { class: "ql-head" },
      h("span", { class: "ql-question", role: "heading", "aria-level": 3 }, fmt.count(state.rows.length, "question")),
      overall(state),
    ),
    h("section", { "aria-label": "Filters" }, filters.el, controls.el),
    h("div", { class: "ql-ds-both" }, h("section", { "aria-label": "Questions" }, list.el), open.el),
  ]);
  const refilter = () => {
    state.numbers = listed(state);
    state.page = 0;
    filters.show();
    controls.show();
    list.show();
  };
  for (const name of ["outcomes", "query", "sort", "descending", "slice_by", "slice"]) ui.on(name, refilter);
  ui.on("selected", () => {
    list.follow();
    open.show();
    // Where there is no room beside the list, what opens is brought in sight.
    ui.frame(() => open.el.scrollIntoView({ block: "nearest" }))();
  });
  ui.on("opens", open.show);
  refilter();
  list.follow();
  open.show();
}

/** @param {DatasetState} state */
function overall(state) {
  const scored = state.rows.filter(row => row.f1 !== null);
  if (scored.length === 0) {
    const read = state.rows.filter(row => row.error === null),
      answered = read.filter(row => row.answer !== null).length;
    return h(
      "span",
      { class: "ql-soft" },
      `${fmt.whole(answered)} answered, ${fmt.whole(read.length - answered)} with no answer`,
    );
  }
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
 * The columns of the list: what no row has is left out. `sort` is what a click on the head sorts by.
 *
 * @param {DatasetRow[]} rows
 */
function columnsOf(rows) {
  return [...wordColumns(rows), ...numberColumns(rows)].filter(column => column !== false);
}

/** @param {DatasetRow[]} rows @returns {(DatasetColumn | false)[]} */
function wordColumns(rows) {
  return [
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
    rows.some(row => row.golds !== null) && {
      name: "gold",
      wide: "minmax(0, 3fr)",
      late: true,
      cell: row => h("span", { class: "ql-soft" }, goldWords(row)),
    },
    rows.some(row => row.document !== null) && {
      name: "document",
      wide: "minmax(0, 2fr)",
      cell: row => h("span", { class: "ql-soft" }, row.document === null ? "–" : said(row.document)),
    },
  ];
}

/** @param {DatasetRow[]} rows @returns {(DatasetColumn | false)[]} */
function numberColumns(rows) {
  return [
    {
      name: "P",
      sort: "probability",
      wide: "4.2rem",
      number: true,
      cell: row => h("span", {}, fmt.percent(row.probability)),
    },
    rows.some(row => row.f1 !== null) && {
      name: "F1",
      sort: "f1",
      wide: "2.8rem",
      number: true,
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
}

// --- the list ---------------------------------------------------------------------------------------------------------

/** @param {DatasetState} state */
function rowList(state) {
  const { ui } = state;
  const heads = state.columns.map(column => columnHead(state, column));
  const names = h(
    "div",
    { class: "ql-ds-row ql-ds-names" },
    h("span", {}),
    heads.map(head => head.el),
  );
  setColumns(state, names);
  const box = h("div", { role: "listbox", "aria-label": "Questions" });
  /** @type {HTMLElement[]} */
  let items = [];
  ui.rove(box, () => items, { press: at => ui.set("selected", Number(items[at].dataset.row)) });
  const pages = pager(state, page => {
    state.page = page;
    show();
  });
  const mark = () =>
    items.forEach(item => item.setAttribute("aria-selected", String(Number(item.dataset.row) === ui.get("selected"))));
  const show = () => {
    const from = state.page * DS_PAGE;
    heads.forEach(head => head.show());
    items = state.numbers.slice(from, from + DS_PAGE).map((k, at) => listRow(state, k, at === 0));
    fill(box, items.length > 0 ? items : h("p", { class: "ql-note" }, "No question passes the filters."));
    mark();
    pages.show();
  };
  return {
    el: h("div", { class: "ql-ds-list" }, names, box, pages.el),
    show,
    /** Turn to the page of the selected row. */
    follow() {
      const at = state.numbers.indexOf(ui.get("selected"));
      if (at >= 0 && Math.floor(at / DS_PAGE) !== state.page) {
        state.page = Math.floor(at / DS_PAGE);
        show();
      }
      mark();
    },
  };
}

/**
 * Buttons that turn the pages, and a field that goes to a question.
 *
 * @param {DatasetState} state @param {(page: number) => void} turned
 */
function pager(state, turned) {
  const { ui } = state;
  const last = () => Math.max(0, Math.ceil(state.numbers.length / DS_PAGE) - 1);
  /** @param {string} label @param {string} name @param {number} by */
  const turn = (label, name, by) =>
    ui.button(label, () => turned(clamp(state.page + by, 0, last())), { small: true, name });
  const back = [turn("« first", "First page", -Infinity), turn("‹ back", "Page back", -1)];
  const on = [turn("on ›", "Page on", 1), turn("last »", "Last page", Infinity)];
  const place = h("span", {}),
    jump = h("span", { class: "ql-push" }, "go to question ", numberField(state));
  const el = h("div", { class: "ql-tools ql-ds-pages" }, back, on, place, jump);
  return {
    el,
    show() {
      const n = state.numbers.length,
        from = state.page * DS_PAGE;
      el.hidden = last() === 0;
      for (const button of back) button.disabled = state.page === 0;
      for (const button of on) button.disabled = state.page === last();
      fill(place, `${fmt.whole(from + 1)}–${fmt.whole(Math.min(from + DS_PAGE, n))} of ${fmt.whole(n)}`);
    },
  };
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

/** @param {DatasetState} state @param {number} k @param {boolean} first */
function listRow(state, k, first) {
  const { ui } = state,
    row = state.rows[k];
  const mark = h("span", { class: "ql-ds-sign" }, sign(row.outcome));
  const el = h(
    "div",
    {
      class: "ql-ds-row",
      role: "option",
      tabindex: first ? 0 : -1,
      "data-row": k,
      "aria-selected": "false",
      title: `${row.outcome}: ${row.question}`,
    },
    mark,
    state.columns.map(column => placed(column, column.cell(row))),
  );
  setColumns(state, el);
  ui.listen(el, "click", () => ui.set("selected", k));
  return el;
}

/**
 * The head of a column; where it can be sorted by, a button, and a second press turns the order round.
 *
 * @param {DatasetState} state @param {DatasetColumn} column
 */
function columnHead(state, column) {
  const { ui } = state;
  if (column.sort === undefined) return { el: placed(column, h("span", {}, column.name)), show() {} };
  const button = ui.button(
    column.name,
    () => {
      if (ui.get("sort") === column.sort) ui.set("descending", !ui.get("descending"));
      else ui.set("sort", column.sort);
    },
    { small: true },
  );
  return {
    el: placed(column, h("span", {}, button)),
    show() {
      const on = ui.get("sort") === column.sort;
      button.textContent = `${column.name}${on ? (ui.get("descending") ? " ↓" : " ↑") : ""}`;
      button.setAttribute("aria-pressed", String(on));
    },
  };
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
  const { ui, view } = state,
    el = h("section", { class: "ql-ds-open", "aria-label": "The question that is open" });
  return {
    el,
    show() {
      /** @type {number | null | undefined} */
      const at = ui.get("selected");
      el.hidden = at === null || at === undefined || !ui.get("opens");
      el.parentElement?.classList.toggle("ql-ds-split", !el.hidden);
      if (el.hidden || at === null || at === undefined) return fill(el);
      const row = state.rows[at];
      return fill(
        el,
        headline(headOfRow(row)),
        h(
          "div",
          { class: "ql-ds-facts" },
          h("span", {}, "outcome ", h("b", {}, row.outcome)),
          h("span", {}, "gold ", h("b", {}, goldWords(row))),
          row.cause !== null && h("span", {}, "cause ", h("b", {}, said(row.cause))),
          h("span", {}, "F1 ", h("b", {}, f1Words(row))),
          h("span", {}, "margin ", h("b", {}, fmt.logit(row.margin))),
          h("span", {}, "best score ", h("b", {}, fmt.logit(row.score))),
        ),
        row.error !== null && h("p", { class: "ql-note" }, row.error),
        row.text === null
          ? h("p", { class: "ql-note" }, "A report keeps no texts.")
          : openText(ui, view.texts[row.text], row),
      );
    },
  };
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
  const best = row.answer === null ? "rejected" : "best";
  const spans = [...row.gold_spans, ...(row.best === null ? [] : [row.best])].sort(
    (a, b) => a[0] - b[0] || a[1] - b[1],
  );
  const prose = new Prose(ui, {
    text,
    begin: spans.map(span => span[0]),
    end: spans.map(span => span[1]),
    tall: 300,
    label: "The text; arrows go to the gold answers and to the best span",
    describe: t =>
      row.best !== null && spans[t][0] === row.best[0] && spans[t][1] === row.best[1]
        ? "the best span"
        : "a gold answer",
  });
  if (row.best !== null) prose.mark(best, [row.best]);
  prose.mark("gold", row.gold_spans);
  return [
    prose.el,
    h(
      "div",
      { class: "ql-legend" },
      row.best !== null &&
        h("span", { class: `ql-mark-${best}` }, row.answer === null ? "best span, rejected" : "answer"),
      row.gold_spans.length > 0 && h("span", { class: "ql-mark-gold" }, "gold"),
    ),
  ];
}
