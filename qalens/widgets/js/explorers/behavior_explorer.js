// @ts-check
// Behaviour tests: a grid of capabilities and kinds, the failing cases of the cell that is open, and one case.

import { append, fill, h, said } from "../dom.js";
import { NO_ANSWER } from "../numbers.js";
import { mount, title } from "../parts.js";

/** @import { BehaviorCase, BehaviorView, Child } from "../types" */
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
  ui.on("capability", turn);
  ui.on("kind", turn);
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
  /** @type {{ button: HTMLElement, place: Record<string, string> }[]} */
  const buttons = [];
  /** @param {Record<string, string>} place @param {HTMLElement} td */
  const open = (place, td) => {
    const press = () => {
      for (const name of ["capability", "kind"]) ui.set(name, place[name]);
    };
    const button = ui.button([...td.childNodes], press, {
      pressed: false,
      small: true,
      name: td.querySelector(".ql-bar")?.getAttribute("title") ?? "",
    });
    fill(td, button);
    buttons.push({ button, place });
  };
  /** @type {NodeListOf<HTMLTableRowElement>} */
  const rows = el.querySelectorAll("tbody tr");
  rows.forEach((row, r) => {
    [...row.cells].slice(1).forEach((td, k) => {
      if (view.tests[r][k].length > 0) open({ capability: view.capabilities[r], kind: view.kinds[k] }, td);
    });
  });
  return {
    el,
    show() {
      for (const { button, place } of buttons) {
        const on = place.capability === ui.get("capability") && place.kind === ui.get("kind");
        button.setAttribute("aria-pressed", String(on));
      }
    },
  };
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
    box = h("div", { role: "listbox", "aria-label": "Failing cases", class: "ql-bx-list" });
  /** @type {HTMLElement[]} */
  let items = [];
  ui.rove(box, () => items, { press: at => ui.set("selected", Number(items[at].dataset.row)) });
  const mark = () =>
    items.forEach(item => item.setAttribute("aria-selected", String(Number(item.dataset.row) === ui.get("selected"))));
  return {
    el: h("section", {}, title("Failing cases"), about, box),
    mark,
    show() {
      const row = view.tests[view.capabilities.indexOf(ui.get("capability"))];
      const tests = row?.[view.kinds.indexOf(ui.get("kind"))] ?? [];
      fill(
        about,
        tests.map(([name, sentence]) => h("p", {}, h("b", {}, said(name)), ": ", said(sentence))),
      );
      items = listedCases(ui, view).map((k, at) => caseRow(ui, view.cases[k], k, at === 0));
      fill(box, items.length > 0 ? items : h("p", { class: "ql-note" }, "No case of this cell failed."));
      mark();
    },
  };
}

/** @param {string | null} answer */
function answerWords(answer) {
  return answer === null ? h("span", { class: "ql-soft" }, NO_ANSWER) : said(answer);
}

/** @param {Ui} ui @param {BehaviorCase} one @param {number} k @param {boolean} first */
function caseRow(ui, one, k, first) {
  const el = h(
    "div",
    { class: "ql-bx-row", role: "option", tabindex: first ? 0 : -1, "data-row": k, "aria-selected": "false" },
    h("span", { class: "ql-soft" }, said(one.test)),
    h("span", {}, said(one.question)),
    h("span", {}, h("span", { class: "ql-soft" }, "expected "), said(one.expected)),
    h("span", {}, h("span", { class: "ql-soft" }, "said "), answerWords(one.answer)),
  );
  ui.listen(el, "click", () => ui.set("selected", k));
  return el;
}

// --- one case -------------------------------------------------------------------------------------------------------------

/** @param {Ui} ui @param {BehaviorView} view */
function openCase(ui, view) {
  const el = h("section", {});
  return {
    el,
    show() {
      /** @type {number | null | undefined} */
      const at = ui.get("selected");
      if (at === null || at === undefined)
        return fill(el, h("p", { class: "ql-note" }, "Choose a case to see its text."));
      const one = view.cases[at];
      const after = caseSide(
        one.before === null ? "" : "after the edit",
        one.question,
        one.text,
        answerWords(one.answer),
      );
      if (one.before === null) return fill(el, after, expectedLine(one));
      const heard = one.before.read ? answerWords(one.before.answer) : h("span", { class: "ql-soft" }, "not asked");
      const before = caseSide("before", one.before.question, one.before.text, heard);
      return fill(el, h("div", { class: "ql-columns" }, before, after), expectedLine(one));
    },
  };
}

/** @param {BehaviorCase} one */
function expectedLine(one) {
  return h("p", { class: "ql-note" }, "expected: ", h("b", {}, said(one.expected)));
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
