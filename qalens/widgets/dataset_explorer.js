// The questions of a data set: filtered by outcome, sorted, searched, and one of them open.

const DS_PAGE = 20; // rows of a page
// Answered is blue, abstained orange; what is wrong is hatched and has a cross.
const DS_LOOK = {
  "right span": ["blue", true], "wrong edges": ["blue", false], "wrong span": ["blue", false], "false answer": ["blue", false],
  "false no-answer": ["orange", false], "right no-answer": ["orange", true], "not scored": ["soft", false],
};

function explore(ui) {
  const view = ui.get("view");
  const state = { ui, view, rows: view.rows, page: 0 };
  // What a search looks through, folded once.
  state.folded = state.rows.map(row => [row.question, row.answer ?? "", ...(row.golds ?? []), row.text === null ? "" : view.texts[row.text]].join("\n").toLowerCase());
  const filters = outcomeFilters(state), controls = listControls(state), list = rowList(state), open = openRow(state);
  append(ui.root, [
    h("header", { class: "ql-head" }, h("span", { class: "ql-question" }, fmt.count(state.rows.length, "question")), overall(state)),
    h("section", {}, filters.el, controls.el, list.el),
    open.el,
  ]);
  const refilter = () => {
    state.numbers = listed(state);
    state.page = 0;
    filters.show();
    controls.show();
    list.show();
  };
  for (const name of ["outcomes", "query", "sort", "descending"]) ui.on(name, refilter);
  ui.on("selected", () => {
    list.follow();
    open.show();
  });
  refilter();
  list.follow();
  open.show();
}

function overall(state) {
  const scored = state.rows.filter(row => row.f1 !== null);
  if (scored.length === 0) return h("span", { class: "ql-soft" }, "no gold answers known");
  const exact = scored.filter(row => row.outcome.startsWith("right")).length / scored.length;
  const f1 = scored.reduce((sum, row) => sum + row.f1, 0) / scored.length;
  return h("span", { class: "ql-verdict" }, h("span", { class: "ql-soft" }, "right "), h("strong", {}, fmt.percent(exact)), h("span", { class: "ql-soft" }, "  F1 "), h("strong", {}, (100 * f1).toFixed(1)));
}

/** The numbers of the rows that pass the filters, in order: the same as `listed` in Python. */
function listed(state) {
  const { ui, rows } = state;
  const kept = new Set(ui.get("outcomes")), query = ui.get("query").trim().toLowerCase();
  const sort = ui.get("sort"), turned = ui.get("descending") ? -1 : 1;
  const value = { order: k => k, margin: k => rows[k].margin, score: k => rows[k].score, probability: k => rows[k].probability, f1: k => rows[k].f1, "text length": k => rows[k].length }[sort];
  const found = rows.map((row, k) => k).filter(k => kept.has(rows[k].outcome) && state.folded[k].includes(query));
  return found.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    return turned * (x - y) || a - b;
  });
}

function paint(element, outcome) {
  const [colour, right] = DS_LOOK[outcome];
  element.style.setProperty("--ql-part", `var(--ql-${colour})`);
  if (!right) element.classList.add("ql-ds-wrong");
  return element;
}

// --- filters ----------------------------------------------------------------------------------------------------------

function outcomeFilters(state) {
  const { ui, view, rows } = state;
  const counts = new Map(view.outcomes.map(name => [name, 0]));
  for (const row of rows) counts.set(row.outcome, counts.get(row.outcome) + 1);
  const names = view.outcomes.filter(name => counts.get(name) > 0);
  const share = h("div", { class: "ql-ds-share", role: "img", "aria-label": names.map(name => `${name} ${counts.get(name)}`).join(", ") },
    names.map(name => {
      const part = paint(h("i", { title: `${name}: ${fmt.whole(counts.get(name))}` }), name);
      part.style.setProperty("flex-grow", String(counts.get(name)));
      part.style.setProperty("flex-basis", "0");
      return part;
    }));
  const toggle = name => {
    const kept = new Set(ui.get("outcomes"));
    if (kept.has(name)) kept.delete(name);
    else kept.add(name);
    ui.set("outcomes", view.outcomes.filter(one => kept.has(one)));
  };
  const buttons = names.map(name => ui.button([paint(h("i", {}), name), `${name} `, h("b", {}, fmt.whole(counts.get(name)))], () => toggle(name), { pressed: true }));
  const all = ui.button("all", () => ui.set("outcomes", [...view.outcomes]), { small: true });
  const wrong = ui.button("only mistakes", () => ui.set("outcomes", view.outcomes.filter(name => !name.startsWith("right") && name !== "not scored")), { small: true });
  return {
    el: h("div", {}, share, h("div", { class: "ql-ds-filters", role: "group", "aria-label": "Outcomes that are listed" }, buttons, all, wrong)),
    show() {
      const kept = new Set(ui.get("outcomes"));
      names.forEach((name, k) => buttons[k].setAttribute("aria-pressed", String(kept.has(name))));
    },
  };
}

function listControls(state) {
  const { ui, view } = state;
  const search = h("input", { type: "search", placeholder: "search questions, answers and texts", "aria-label": "Search", autocomplete: "off", spellcheck: "false" });
  const find = ui.later(() => ui.set("query", search.value), 120);
  ui.listen(search, "input", () => find());
  // Keys that are typed belong to the field alone.
  ui.listen(search, "keydown", event => event.stopPropagation());
  const select = h("select", { "aria-label": "Sort by" }, view.sorts.map(name => h("option", { value: name }, name)));
  ui.listen(select, "change", () => ui.set("sort", select.value));
  ui.listen(select, "keydown", event => event.stopPropagation());
  const down = ui.button("↓", () => ui.set("descending", !ui.get("descending")), { pressed: false, small: true, name: "Descending" });
  const save = ui.button("save as table", () => saveTable(state), { small: true });
  const told = h("span", { class: "ql-push", "aria-live": "polite" });
  return {
    el: h("div", { class: "ql-bar ql-ds-controls" }, search, h("span", {}, "sorted by "), select, down, save, told),
    show() {
      if (search.value !== ui.get("query") && search.ownerDocument.activeElement !== search) search.value = ui.get("query");
      select.value = ui.get("sort");
      down.setAttribute("aria-pressed", String(ui.get("descending")));
      fill(told, `${fmt.whole(state.numbers.length)} listed`);
    },
  };
}

/** The listed rows as comma-separated values, for a spreadsheet. */
function saveTable(state) {
  const names = ["number", "question", "answer", "gold", "outcome", "f1", "margin", "score", "probability", "text_length", "cause", "error"];
  const cell = value => {
    if (value === null || value === undefined) return "";
    // A spreadsheet would run a text that begins like a formula.
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const lines = state.numbers.map(k => {
    const row = state.rows[k];
    return [k, row.question, row.answer, row.golds?.join(" | "), row.outcome, row.f1, row.margin, row.score, row.probability, row.length, row.cause, row.error].map(cell).join(",");
  });
  const place = URL.createObjectURL(new Blob(["\ufeff", [names.join(","), ...lines].join("\r\n")], { type: "text/csv" }));
  const link = h("a", { download: "qalens-rows.csv" });
  link.href = place;
  link.click();
  state.ui.later(() => URL.revokeObjectURL(place), 1000)();
  state.ui.done(() => URL.revokeObjectURL(place));
}

// --- the list ---------------------------------------------------------------------------------------------------------

function rowList(state) {
  const { ui } = state;
  const names = h("div", { class: "ql-ds-row ql-ds-names", "aria-hidden": "true" }, ["", "question", "answer", "gold", "F1", "margin"].map(name => h("span", {}, name)));
  const box = h("div", { role: "listbox", "aria-label": "Questions" });
  const back = ui.button("‹ back", () => turn(-1), { small: true, name: "Page back" });
  const on = ui.button("on ›", () => turn(1), { small: true, name: "Page on" });
  const place = h("span", {});
  const pages = h("div", { class: "ql-bar ql-ds-pages" }, back, on, place);
  let items = [];
  ui.rove(box, () => items, { press: at => ui.set("selected", Number(items[at].dataset.row)) });
  const last = () => Math.max(0, Math.ceil(state.numbers.length / DS_PAGE) - 1);
  const turn = by => {
    state.page = clamp(state.page + by, 0, last());
    show();
  };
  const mark = () => items.forEach(item => item.setAttribute("aria-selected", String(Number(item.dataset.row) === ui.get("selected"))));
  const show = () => {
    const from = state.page * DS_PAGE, some = state.numbers.slice(from, from + DS_PAGE);
    items = some.map((k, at) => listRow(state, k, at === 0));
    fill(box, items.length > 0 ? items : h("p", { class: "ql-note" }, "No question passes the filters."));
    mark();
    pages.hidden = last() === 0;
    back.disabled = state.page === 0;
    on.disabled = state.page === last();
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

function sign(outcome) {
  if (outcome === "not scored") return "·";
  return DS_LOOK[outcome][1] ? "✓" : "✗";
}

function listRow(state, k, first) {
  const { ui } = state, row = state.rows[k];
  const mark = h("span", { class: "ql-ds-sign" }, sign(row.outcome));
  mark.style.setProperty("--ql-part", `var(--ql-${DS_LOOK[row.outcome][0]})`);
  const el = h("div", { class: "ql-ds-row", role: "option", tabindex: first ? 0 : -1, "data-row": k, "aria-selected": "false", title: row.outcome },
    mark,
    h("span", {}, said(row.question)),
    h("span", { class: row.answer === null ? "ql-soft" : "" }, row.error !== null && row.margin === null ? "not read" : row.answer === null ? "no answer" : said(row.answer)),
    h("span", { class: "ql-soft" }, goldWords(row)),
    h("span", {}, row.f1 === null ? "–" : (100 * row.f1).toFixed(0)),
    h("span", {}, fmt.logit(row.margin)));
  ui.listen(el, "click", () => ui.set("selected", k));
  return el;
}

function goldWords(row) {
  if (row.golds === null) return "not known";
  return row.golds.length === 0 ? "none" : row.golds.map((gold, k) => [k > 0 && " · ", said(gold)]);
}

// --- the open row -------------------------------------------------------------------------------------------------------

function openRow(state) {
  const { ui, view } = state, el = h("section", {});
  return {
    el,
    show() {
      const at = ui.get("selected");
      if (at === null || at === undefined) return fill(el, h("p", { class: "ql-note" }, "Choose a question to see its text."));
      const row = state.rows[at];
      return fill(el,
        h("div", { class: "ql-head" }, said(row.question, { class: "ql-question" }), " ",
          h("div", { class: "ql-verdict" },
            h("strong", {}, row.margin === null && row.error !== null ? "not read" : row.answer === null ? "no answer" : said(row.answer)), " ",
            row.probability !== null && h("span", { class: row.answer === null ? "ql-sure ql-none" : "ql-sure" }, fmt.percent(row.probability)))),
        h("div", { class: "ql-ds-facts" },
          h("span", {}, "outcome ", h("b", {}, row.outcome)), h("span", {}, "gold ", h("b", {}, goldWords(row))),
          row.cause !== null && h("span", {}, "cause ", h("b", {}, said(row.cause))),
          h("span", {}, "F1 ", h("b", {}, row.f1 === null ? "–" : (100 * row.f1).toFixed(0))),
          h("span", {}, "margin ", h("b", {}, fmt.logit(row.margin))), h("span", {}, "best score ", h("b", {}, fmt.logit(row.score)))),
        row.error !== null && h("p", { class: "ql-note" }, row.error),
        row.text === null ? h("p", { class: "ql-note" }, "A report keeps no texts.") : openText(ui, view.texts[row.text], row));
    },
  };
}

function openText(ui, text, row) {
  const best = row.answer === null ? "rejected" : "best";
  const spans = [...row.gold_spans, ...(row.best === null ? [] : [row.best])].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const prose = new Prose(ui, {
    text, begin: spans.map(span => span[0]), end: spans.map(span => span[1]), tall: 300,
    label: "The text; arrows go to the gold answers and to the best span",
    describe: t => (row.best !== null && spans[t][0] === row.best[0] && spans[t][1] === row.best[1] ? "the best span" : "a gold answer"),
  });
  if (row.best !== null) prose.mark(best, [row.best]);
  prose.mark("gold", row.gold_spans);
  return [prose.el, h("div", { class: "ql-legend" },
    row.best !== null && h("span", { class: `ql-mark-${best}` }, row.answer === null ? "best span, rejected" : "answer"),
    row.gold_spans.length > 0 && h("span", { class: "ql-mark-gold" }, "gold"))];
}
