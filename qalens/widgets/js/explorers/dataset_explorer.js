// @ts-check
// The questions of a data set: filtered by outcome, sorted, searched, and one of them open.

import { append, fill, h, said } from "../dom.js";
import { headline } from "../headline.js";
import { clamp, fmt } from "../numbers.js";
import { Prose } from "../pictures/prose.js";

/** @import { Child, DatasetColumn, DatasetRow, DatasetState, DatasetView, Head, Outcome } from "../types" */
/** @import { Ui } from "../ui.js" */

const DS_PAGE = 20; // rows of a page
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
 * The numbers of the rows that pass the filters, in order: the same as `listed` in Python.
 *
 * @param {DatasetState} state
 */
function listed(state) {
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

// --- filters ----------------------------------------------------------------------------------------------------------

/** @param {DatasetState} state */
function outcomeFilters(state) {
  const { ui, view, rows } = state;
  /** @type {Map<Outcome, number>} */
  const counts = new Map(view.outcomes.map(name => [name, 0]));
  /** @param {Outcome} name */
  const count = name => counts.get(name) ?? 0;
  for (const row of rows) counts.set(row.outcome, count(row.outcome) + 1);
  const names = view.outcomes.filter(name => count(name) > 0);
  const share = h(
    "div",
    { class: "ql-ds-share", role: "img", "aria-label": names.map(name => `${name} ${count(name)}`).join(", ") },
    names.map(name => {
      const part = paint(h("i", { title: `${name}: ${fmt.whole(count(name))}` }), name);
      part.style.setProperty("flex-grow", String(count(name)));
      part.style.setProperty("flex-basis", "0");
      return part;
    }),
  );
  /** @param {Outcome} name */
  const toggle = name => {
    const kept = new Set(ui.get("outcomes"));
    if (kept.has(name)) kept.delete(name);
    else kept.add(name);
    ui.set(
      "outcomes",
      view.outcomes.filter(one => kept.has(one)),
    );
  };
  const buttons = names.map(name =>
    ui.button([paint(h("i", {}), name), `${name} `, h("b", {}, fmt.whole(count(name)))], () => toggle(name), {
      pressed: true,
    }),
  );
  const all = ui.button("all", () => ui.set("outcomes", [...view.outcomes]), { small: true });
  const wrong = ui.button(
    "only mistakes",
    () =>
      ui.set(
        "outcomes",
        view.outcomes.filter(name => !name.startsWith("right") && name !== "not scored"),
      ),
    { small: true },
  );
  // Without gold answers there is only one outcome, which tells nothing.
  if (names.length === 1 && names[0] === "not scored") return { el: null, show() {} };
  return {
    el: h(
      "div",
      {},
      share,
      h(
        "div",
        { class: "ql-ds-filters", role: "group", "aria-label": "Outcomes that are listed" },
        buttons,
        all,
        wrong,
      ),
    ),
    show() {
      const kept = new Set(ui.get("outcomes"));
      names.forEach((name, k) => buttons[k].setAttribute("aria-pressed", String(kept.has(name))));
    },
  };
}

/** @param {DatasetState} state */
function listControls(state) {
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

/** The listed rows as comma-separated values, for a spreadsheet. @param {DatasetState} state */
function saveTable(state) {
  const names = [
    "number",
    "question",
    "answer",
    "gold",
    "outcome",
    "f1",
    "margin",
    "score",
    "probability",
    "text_length",
    "cause",
    "error",
  ];
  /** @param {string | number | null | undefined} value */
  const cell = value => {
    if (value === null || value === undefined) return "";
    // A spreadsheet would run a text that begins like a formula, also behind what it does not show, and in full width.
    const isFormula =
      typeof value === "string" && /^[\s\p{C}\p{M}\p{Z}]*[=+\-@＝＋－＠﹢﹣﹦﹫−]|^[\t\r\n]/u.test(value);
    const text = isFormula ? `'${value}` : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const lines = state.numbers.map(k => {
    const row = state.rows[k];
    return [
      k,
      row.question,
      row.answer,
      row.golds?.join(" | "),
      row.outcome,
      row.f1,
      row.margin,
      row.score,
      row.probability,
      row.length,
      row.cause,
      row.error,
    ]
      .map(cell)
      .join(",");
  });
  const place = URL.createObjectURL(
    new Blob(["\ufeff", [names.join(","), ...lines].join("\r\n")], { type: "text/csv" }),
  );
  const link = h("a", { download: "qalens-rows.csv" });
  link.href = place;
  link.click();
  state.ui.later(() => URL.revokeObjectURL(place), 1000)();
  state.ui.done(() => URL.revokeObjectURL(place));
}

/**
 * The columns of the list: what no row has is left out. `sort` is what a click on the head sorts by.
 *
 * @param {DatasetRow[]} rows
 */
function columnsOf(rows) {
  /** @param {(row: DatasetRow) => boolean} has */
  const some = has => rows.some(has);
  /** @param {DatasetRow} row */
  const said_ = row =>
    row.error !== null && row.margin === null ? "not read" : row.answer === null ? "no answer" : said(row.answer);
  /** @type {(DatasetColumn | false)[]} */
  const columns = [
    {
      name: "question",
      sort: "order",
      wide: "minmax(0, 5fr)",
      cell: row => h("span", { class: "ql-ds-whole" }, said(row.question)),
    },
    {
      name: "answer",
      wide: "minmax(0, 3fr)",
      cell: row => h("span", { class: row.answer === null ? "ql-soft" : "" }, said_(row)),
    },
    some(row => row.golds !== null) && {
      name: "gold",
      wide: "minmax(0, 3fr)",
      late: true,
      cell: row => h("span", { class: "ql-soft" }, goldWords(row)),
    },
    some(row => row.document !== null) && {
      name: "document",
      wide: "minmax(0, 2fr)",
      cell: row => h("span", { class: "ql-soft" }, row.document === null ? "–" : said(row.document)),
    },
    {
      name: "P",
      sort: "probability",
      wide: "4.2rem",
      number: true,
      cell: row => h("span", {}, fmt.percent(row.probability)),
    },
    some(row => row.f1 !== null) && {
      name: "F1",
      sort: "f1",
      wide: "2.8rem",
      number: true,
      cell: row => h("span", {}, row.f1 === null ? "–" : (100 * row.f1).toFixed(0)),
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
  return columns.filter(column => column !== false);
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
  const back = ui.button("‹ back", () => turn(-1), { small: true, name: "Page back" });
  const on = ui.button("on ›", () => turn(1), { small: true, name: "Page on" });
  const place = h("span", {});
  const jump = h("input", {
    type: "text",
    class: "ql-ds-jump",
    placeholder: "number",
    "aria-label": "Go to the question with this number",
    autocomplete: "off",
  });
  ui.listen(jump, "keydown", event => {
    event.stopPropagation();
    const k = Number(jump.value) - 1;
    if (event.key === "Enter" && Number.isInteger(k) && k >= 0 && k < state.rows.length) ui.set("selected", k);
  });
  const first = ui.button("« first", () => turn(-Infinity), { small: true, name: "First page" });
  const end = ui.button("last »", () => turn(Infinity), { small: true, name: "Last page" });
  const pages = h(
    "div",
    { class: "ql-tools ql-ds-pages" },
    first,
    back,
    on,
    end,
    place,
    h("span", { class: "ql-push" }, "go to question ", jump),
  );
  /** @type {HTMLElement[]} */
  let items = [];
  ui.rove(box, () => items, { press: at => ui.set("selected", Number(items[at].dataset.row)) });
  const last = () => Math.max(0, Math.ceil(state.numbers.length / DS_PAGE) - 1);
  /** @param {number} by */
  const turn = by => {
    state.page = clamp(state.page + by, 0, last());
    show();
  };
  const mark = () =>
    items.forEach(item => item.setAttribute("aria-selected", String(Number(item.dataset.row) === ui.get("selected"))));
  const show = () => {
    const from = state.page * DS_PAGE,
      some = state.numbers.slice(from, from + DS_PAGE);
    heads.forEach(head => head.show());
    items = some.map((k, at) => listRow(state, k, at === 0));
    fill(box, items.length > 0 ? items : h("p", { class: "ql-note" }, "No question passes the filters."));
    mark();
    pages.hidden = last() === 0;
    back.disabled = first.disabled = state.page === 0;
    on.disabled = end.disabled = state.page === last();
    fill(place, `${fmt.whole(from + 1)}–${fmt.whole(from + some.length)} of ${fmt.whole(state.numbers.length)}`);
  };
  return {
    el: h("div", { class: "ql-ds-list" }, names, box, pages),
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

/** @param {Outcome} outcome */
function sign(outcome) {
  if (outcome === "not scored") return "·";
  return DS_LOOK[outcome][1] ? "✓" : "✗";
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
          h("span", {}, "F1 ", h("b", {}, row.f1 === null ? "–" : (100 * row.f1).toFixed(0))),
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
    said: [[answer ?? "no answer", answer !== null]],
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
