// @ts-check
// Behaviour tests: a grid of capabilities and kinds, the failing cases of the cell that is open, and one case.

import { append, fill, h, said } from "../dom.js";
import { numberedList } from "../lists.js";
import { NO_ANSWER } from "../numbers.js";
import { mount, title } from "../parts.js";

/** @import { Attributes, BehaviorCase, BehaviorView, Child } from "../types" */
/** @import { Ui } from "../ui.js" */

/** @param {Ui} ui */
export function explore(ui) {
  /** @type {BehaviorView} */
  const view = ui.get("view");
  const grid = behaviorGrid(ui, view),
    list = caseList(ui, view),
    open = openCase(ui, view);
  append(ui.root, [view.head.map(mount), grid.el, list.el, open.el]);
  const turn = () => {
    grid.show();
    list.show();
  };
  for (const name of ["capability", "kind"]) ui.on(name, turn);
  ui.on("selected", () => {
    list.mark();
    open.show();
  });
  turn();
  open.show();
}

// --- the grid ---------------------------------------------------------------------------------------------------------

/** The grid, where each cell that was tested is a button. @param {Ui} ui @param {BehaviorView} view */
function behaviorGrid(ui, view) {
  const el = h("div", { class: "ql-bx-grid" }, view.grid.map(mount));
  const cells = testedCells(el, view).map(({ td, place }) => ({ button: cellButton(ui, td, place), place }));
  return {
    el,
    show() {
      for (const { button, place } of cells) {
        const on = place.capability === ui.get("capability") && place.kind === ui.get("kind");
        button.setAttribute("aria-pressed", String(on));
      }
    },
  };
}

/** The cells of the grid that were tested, and what each is of. @param {HTMLElement} grid @param {BehaviorView} view */
function testedCells(grid, view) {
  /** @type {NodeListOf<HTMLTableRowElement>} */
  const rows = grid.querySelectorAll("tbody tr");
  const cells = [...rows].flatMap((row, r) =>
    [...row.cells].slice(1).map((td, k) => ({
      td,
      place: { capability: view.capabilities[r], kind: view.kinds[k] },
      tests: view.tests[r][k],
    })),
  );
  return cells.filter(({ tests }) => tests.length > 0);
}

/**
 * Make what is in a cell a button that opens it.
 *
 * @param {Ui} ui @param {HTMLElement} td @param {{ capability: string, kind: string }} place
 */
function cellButton(ui, td, place) {
  const press = () => {
    ui.set("capability", place.capability);
    ui.set("kind", place.kind);
  };
  const name = td.querySelector(".ql-bar")?.getAttribute("title") ?? "";
  const button = ui.button([...td.childNodes], press, { pressed: false, small: true, name });
  fill(td, button);
  return button;
}

// --- the cases of a cell --------------------------------------------------------------------------------------------------

/** @param {Ui} ui @param {BehaviorView} view */
function listedCases(ui, view) {
  return view.cases
    .map((_one, k) => k)
    .filter(k => view.cases[k].capability === ui.get("capability") && view.cases[k].kind === ui.get("kind"));
}

/** @param {Ui} ui @param {BehaviorView} view */
function caseList(ui, view) {
  const about = h("div", { class: "ql-note" }),
    list = numberedList(ui, { "aria-label": "Failing cases", class: "ql-bx-list" }, "No case of this cell failed.");
  const show = () => {
    const row = view.tests[view.capabilities.indexOf(ui.get("capability"))];
    const tests = row?.[view.kinds.indexOf(ui.get("kind"))] ?? [];
    fill(
      about,
      tests.map(([name, sentence]) => h("p", {}, h("b", {}, said(name)), ": ", said(sentence))),
    );
    list.show(listedCases(ui, view), (k, option) => caseRow(view.cases[k], k, option));
  };
  return { el: h("section", {}, title("Failing cases"), about, list.el), mark: list.mark, show };
}

/** @param {string | null} answer */
function answerWords(answer) {
  return answer === null ? h("span", { class: "ql-soft" }, NO_ANSWER) : said(answer);
}

/** @param {BehaviorCase} one @param {number} k @param {Attributes} option */
function caseRow(one, k, option) {
  return h(
    "div",
    { class: "ql-bx-row", "data-row": k, ...option },
    h("span", { class: "ql-soft" }, said(one.test)),
    h("span", {}, said(one.question)),
    h("span", {}, h("span", { class: "ql-soft" }, "expected "), said(one.expected)),
    h("span", {}, h("span", { class: "ql-soft" }, "said "), answerWords(one.answer)),
  );
}

// --- one case -------------------------------------------------------------------------------------------------------------

/** @param {Ui} ui @param {BehaviorView} view */
function openCase(ui, view) {
  const el = h("section", {});
  const show = () => {
    /** @type {BehaviorCase | undefined} */
    const one = view.cases[ui.get("selected")];
    if (one === undefined) fill(el, h("p", { class: "ql-note" }, "Choose a case to see its text."));
    else fill(el, caseSides(one), h("p", { class: "ql-note" }, "expected: ", h("b", {}, said(one.expected))));
  };
  return { el, show };
}

/** The text of a case, beside that before an edit where there is one. @param {BehaviorCase} one */
function caseSides({ question, text, answer, before }) {
  const after = caseSide(before === null ? "" : "after the edit", question, text, answerWords(answer));
  if (before === null) return after;
  const heard = before.read ? answerWords(before.answer) : h("span", { class: "ql-soft" }, "not asked");
  return h("div", { class: "ql-columns" }, caseSide("before", before.question, before.text, heard), after);
}

/** @param {string} name @param {string} question @param {string} text @param {Child} answer */
function caseSide(name, question, text, answer) {
  return h(
    "div",
    { class: "ql-bx-side" },
    name !== "" && title(name),
    h("p", { class: "ql-soft" }, said(question)),
    h("p", { class: "ql-big" }, answer),
    h("div", { class: "ql-text" }, said(text)),
  );
}
