// @ts-check
// Answer or no answer: the margin of one reading or of many on a line, and a threshold that is moved along it.

import { append, fill, h, said } from "../dom.js";
import { below, headline } from "../headline.js";
import { fmt, NO_ANSWER } from "../numbers.js";
import { title } from "../parts.js";
import { levelAt, thresholdLine } from "../pictures/threshold_line.js";
import { cut } from "../words.js";

/** @import { MarginReading, MarginWindow, NoAnswerState, NoAnswerView } from "../types" */
/** @import { Ui } from "../ui.js" */

const NA_REST = 900; // milliseconds after which a move has ended and the next one begins
const NA_MOST = 200; // rows of a list

/** @param {Ui} ui */
export function explore(ui) {
  /** @type {NoAnswerView} */
  const view = ui.get("view"),
    readings = view.readings;
  const many = readings.length > 1;
  /** @type {NoAnswerState} */
  const state = {
    ui,
    view,
    readings,
    many,
    from: ui.get("threshold"),
    answers: (reading, threshold = ui.get("threshold")) =>
      reading.margin !== null && reading.margin !== undefined && reading.margin <= threshold,
  };
  const line = thresholdLine(state),
    detail = oneReading(state);
  const head = many ? manyHead(state) : oneHead(state);
  const list = many ? flippedList(state) : null;
  append(ui.root, [head.el, h("section", {}, line.heading, line.el), list?.el, detail.el]);
  const rest = ui.later(() => {
    state.from = ui.get("threshold");
  }, NA_REST);
  const moved = () => {
    head.show();
    line.show();
    if (list !== null) list.turned(state.from, ui.get("threshold"));
    rest();
  };
  ui.on("threshold", moved);
  ui.on("selected", () => {
    detail.show();
    line.show();
    if (list !== null) list.mark();
  });
  head.show();
  detail.show();
}

/** The reading that is looked at, or null. @param {NoAnswerState} state */
function lookedAt(state) {
  /** @type {number | null | undefined} */
  const at = state.ui.get("selected");
  return at === null || at === undefined ? null : state.readings[at];
}

// --- heads ------------------------------------------------------------------------------------------------------------

/** @param {NoAnswerState} state */
function oneHead(state) {
  const el = h("div", {});
  return {
    el,
    show() {
      const head = state.view.heads?.[state.answers(state.readings[0]) ? 1 : 0];
      if (head !== undefined) fill(el, headline(head), below(head));
    },
  };
}

/** @param {NoAnswerState} state */
function manyHead(state) {
  const { view, readings } = state;
  const figures = h("div", { class: "ql-na-figures" });
  const failed = readings.filter(reading => reading.error !== undefined).length;
  const about = [fmt.count(readings.length, "question"), failed > 0 && `${fmt.whole(failed)} could not be read`]
    .filter(Boolean)
    .join(", ");
  /** @param {string} name @param {string} value */
  const figure = (name, value) => h("span", {}, name, " ", h("b", {}, value));
  /** @param {number | null} x */
  const percent = x => (x === null ? "–" : x.toFixed(1));
  return {
    el: h(
      "div",
      {},
      h(
        "header",
        { class: "ql-head" },
        h("span", { class: "ql-question", role: "heading", "aria-level": 3 }, "Answer or no answer?"),
        h("span", { class: "ql-soft" }, about),
      ),
      figures,
    ),
    show() {
      const answered = readings.filter(reading => state.answers(reading)).length;
      const parts = [
        figure("threshold", fmt.logit(state.ui.get("threshold"))),
        figure("answered", `${fmt.whole(answered)} of ${fmt.whole(readings.length)}`),
      ];
      if (view.curve !== null) {
        const k = levelAt(view.curve, state.ui.get("threshold"));
        parts.push(
          figure("exact", percent(view.curve.exact[k])),
          figure("F1", percent(view.curve.f1[k])),
          figure("F1 where answerable", percent(view.curve.has_answer_f1[k])),
          figure("abstains where not", percent(view.curve.no_answer[k])),
        );
      }
      fill(figures, parts);
    },
  };
}

// --- what a move turned -----------------------------------------------------------------------------------------------

/** @param {NoAnswerState} state */
function flippedList(state) {
  const { ui, readings } = state;
  const box = h("div", { class: "ql-na-list", role: "listbox", "aria-label": "Questions" });
  const heading = h("div", { class: "ql-h" });
  /** @type {HTMLElement[]} */
  let rows = [];
  /** @param {number} k */
  const choose = k => ui.set("selected", Number(rows[k].dataset.reading));
  ui.rove(box, () => rows, { press: choose });
  const mark = () =>
    rows.forEach(row => row.setAttribute("aria-selected", String(Number(row.dataset.reading) === ui.get("selected"))));
  /** @param {number[]} numbers */
  const show = numbers => {
    rows = numbers.slice(0, NA_MOST).map((k, at) => {
      const row = flippedRow(state, k, at === 0);
      ui.listen(row, "click", () => ui.set("selected", k));
      return row;
    });
    fill(box, rows);
    mark();
  };
  /** @param {number} from @param {number} to */
  const turned = (from, to) => {
    const [low, high] = from < to ? [from, to] : [to, from];
    const found = numberedMargins(readings).filter(([m]) => m > low && m <= high);
    found.sort((a, b) => Math.abs(a[0] - from) - Math.abs(b[0] - from));
    const good = found.filter(([, k]) => better(readings[k], to > from)).length;
    const scored = found.filter(([, k]) => readings[k].golds !== null && readings[k].golds !== undefined).length;
    fill(
      heading,
      h("strong", {}, `Turned by the last move: ${fmt.whole(found.length)}`),
      found.length === 0
        ? `none between ${fmt.logit(low)} and ${fmt.logit(high)}`
        : [
            to > from ? "now answered" : "now without an answer",
            scored > 0 && `; ${fmt.whole(good)} for the better, ${fmt.whole(scored - good)} not`,
            found.length > NA_MOST && `; the first ${NA_MOST} are shown`,
          ],
    );
    show(found.map(([, k]) => k));
  };
  // Before the first move: those that a small one would turn.
  const near = numberedMargins(readings);
  near.sort((a, b) => Math.abs(a[0] - ui.get("threshold")) - Math.abs(b[0] - ui.get("threshold")));
  fill(heading, h("strong", {}, "Nearest to the threshold"), "a small move turns these");
  show(near.slice(0, 8).map(([, k]) => k));
  return { el: h("section", {}, heading, box), turned, mark };
}

/** The margins that there are, each with the number of its reading. @param {MarginReading[]} readings */
function numberedMargins(readings) {
  /** @type {[number, number][]} */
  const found = [];
  readings.forEach(({ margin }, k) => {
    if (margin !== null && margin !== undefined) found.push([margin, k]);
  });
  return found;
}

/**
 * Whether a turn to answered (or away from it) helps: a right span, or no answer where there is none.
 *
 * @param {MarginReading} reading @param {boolean} answered
 */
function better(reading, answered) {
  if (reading.golds === null || reading.golds === undefined) return false;
  const right = reading.golds.length === 0 ? 0 : (reading.f1 ?? 0),
    silent = reading.golds.length === 0 ? 1 : 0;
  return answered ? right > silent : silent > right;
}

/** @param {NoAnswerState} state @param {number} k @param {boolean} first */
function flippedRow(state, k, first) {
  const reading = state.readings[k],
    answered = state.answers(reading);
  const { golds } = reading,
    outcome = answered || golds === null ? reading.outcome : golds.length ? "false no-answer" : "right no-answer";
  const good = outcome?.startsWith("right");
  return h(
    "div",
    { class: "ql-na-row", role: "option", tabindex: first ? 0 : -1, "data-reading": k, "aria-selected": "false" },
    h("span", {}, said(reading.question)),
    h("span", { class: answered ? "" : "ql-soft" }, answered ? said(reading.best) : NO_ANSWER),
    h(
      "span",
      { class: outcome === null ? "ql-soft" : good ? "ql-na-good" : "ql-na-bad" },
      outcome === null ? "not known" : `${good ? "✓" : "✗"} ${outcome}`,
    ),
    h("span", { class: "ql-soft" }, fmt.logit(reading.margin)),
  );
}

// --- one reading, window by window --------------------------------------------------------------------------------------

/** @param {NoAnswerState} state */
function oneReading(state) {
  const el = h("section", {});
  return {
    el,
    show() {
      const reading = lookedAt(state);
      if (reading === null) return fill(el);
      const head = state.many && h("p", {}, h("b", {}, said(reading.question)));
      if (reading.error !== undefined)
        return fill(el, title("This text could not be read"), head, h("p", { class: "ql-note" }, reading.error));
      return fill(
        el,
        title(
          "Window by window",
          reading.windows.length > 1
            ? "null score and best span of each, in logits; the marked ones decide and stand first"
            : "the null score and the best span, in logits",
        ),
        head,
        golds(reading),
        windowTable(reading),
        ruleNote(reading),
      );
    },
  };
}

/** @param {MarginReading} reading */
function golds(reading) {
  if (reading.golds === null) return null;
  if (reading.golds.length === 0) return h("p", { class: "ql-soft" }, "Gold: there is no answer.");
  return h(
    "p",
    { class: "ql-soft" },
    "Gold: ",
    reading.golds.map((gold, k) => [k > 0 && " · ", said(gold)]),
  );
}

/** @param {MarginReading} reading */
function ruleNote(reading) {
  if (reading.windows.length === 1) return null;
  const rule = {
    min: "The lowest null score counts: one window that is sure of an answer is enough.",
    max: "The highest null score counts.",
    mean: "The mean of all null scores counts.",
  }[reading.rule];
  return h("p", { class: "ql-note" }, rule, " The best span of all windows is compared with it.");
}

/** @param {MarginReading} reading */
function windowTable(reading) {
  const deciding = decidingWindows(reading);
  const names = [
    reading.windows[0].document === null ? "window (characters)" : "document (characters)",
    "null score",
    "best span",
    "margin",
    "P(no answer)",
    "its best span",
  ];
  const head = h(
    "tr",
    {},
    names.map(name => h("th", { scope: "col" }, name)),
  );
  const rows = decidingFirst(reading.windows, deciding).map(([window, k]) => windowRow(window, k, deciding));
  return h(
    "div",
    { class: "ql-na-list" },
    h("table", { class: "ql-numbers" }, h("thead", {}, head), h("tbody", {}, rows)),
  );
}

/**
 * The window whose best span counts, and the one whose null score does; −1 for none, and where there is no other.
 *
 * @param {MarginReading} reading @returns {[best: number, counted: number]}
 */
function decidingWindows({ windows, rule }) {
  if (windows.length === 1) return [-1, -1];
  /** @param {(window: MarginWindow) => number | null} of @param {1 | -1} sign 1 for the largest, -1 for the smallest */
  const extreme = (of, sign) =>
    windows.reduce((a, window, k) => {
      const x = of(window);
      return x !== null && (a < 0 || sign * x > sign * Number(of(windows[a]))) ? k : a;
    }, -1);
  return [
    extreme(window => window.score, 1),
    rule === "mean" ? -1 : extreme(window => window.null, rule === "min" ? -1 : 1),
  ];
}

/**
 * One window in numbers; the one that decides is marked where it does.
 *
 * @param {MarginWindow} window @param {number} k @param {[best: number, counted: number]} deciding
 */
function windowRow(window, k, [best, counted]) {
  const { held, score } = window;
  /** @param {number | null} x @param {boolean} decides */
  const logit = (x, decides) => (decides ? h("b", {}, fmt.logit(x), " ◂") : fmt.logit(x));
  return h(
    "tr",
    {},
    h(
      "td",
      {},
      window.document === null ? `${k + 1}` : said(window.document),
      held !== null && h("span", { class: "ql-soft" }, ` ${fmt.whole(held[0])}–${fmt.whole(held[1])}`),
    ),
    h("td", { "data-label": "null" }, logit(window.null, k === counted)),
    h("td", { "data-label": "best" }, logit(score, k === best)),
    h("td", {}, score === null || window.null === null ? "–" : fmt.signed(window.null - score)),
    h("td", { "data-label": "none" }, fmt.percent(window.none)),
    h("td", { class: "ql-na-best" }, window.best === null ? "–" : said(cut(window.best, 48))),
  );
}

/**
 * Windows with their numbers: those that decide, then the others; of documents those that lean most towards an answer.
 *
 * @param {MarginWindow[]} windows @param {number[]} deciding
 */
function decidingFirst(windows, deciding) {
  /** @param {[MarginWindow, number]} numbered */
  const lean = ([window]) =>
    window.document === null || window.score === null || window.null === null ? 0 : window.null - window.score;
  /** @param {[MarginWindow, number]} numbered */
  const late = ([, k]) => (deciding.includes(k) ? 0 : 1);
  /** @type {[MarginWindow, number][]} */
  const numbered = windows.map((window, k) => [window, k]);
  return numbered.sort((a, b) => late(a) - late(b) || lean(a) - lean(b));
}
