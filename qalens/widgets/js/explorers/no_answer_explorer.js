// @ts-check
// Answer or no answer: the margin of one reading or of many on a line, and a threshold that is moved along it.

import { append, fill, h, said } from "../dom.js";
import { below, headline } from "../headline.js";
import { numberedList } from "../lists.js";
import { fmt, NO_ANSWER } from "../numbers.js";
import { title } from "../parts.js";
import { levelAt, thresholdLine } from "../pictures/threshold_line.js";
import { cut } from "../words.js";

/** @import { Attributes, Child, MarginReading, MarginWindow, NoAnswerState, NoAnswerView, Outcome } from "../types" */
/** @import { Ui } from "../ui.js" */

/** @typedef {{ show: () => unknown }} Shown  A part that follows what is chosen. */

const NA_REST = 900; // milliseconds after which a move has ended and the next one begins
const NA_MOST = 200; // rows of a list

/** @param {Ui} ui */
export function explore(ui) {
  const state = stateOf(ui);
  const line = thresholdLine(state),
    detail = oneReading(state);
  const head = state.many ? manyHead(state) : oneHead(state);
  const list = state.many ? flippedList(state) : null;
  append(ui.root, [head.el, h("section", {}, line.heading, line.el), list?.el, detail.el]);
  connect(state, { head, line, list, detail });
}

/** @param {Ui} ui @returns {NoAnswerState} */
function stateOf(ui) {
  /** @type {NoAnswerView} */
  const view = ui.get("view"),
    readings = view.readings;
  return {
    ui,
    view,
    readings,
    many: readings.length > 1,
    from: ui.get("threshold"),
    answers: ({ margin }, threshold = ui.get("threshold")) =>
      margin !== null && margin !== undefined && margin <= threshold,
  };
}

/**
 * Let the parts follow the threshold and the reading that is chosen.
 *
 * @param {NoAnswerState} state
 * @param {{ head: Shown, line: Shown, list: ReturnType<typeof flippedList> | null, detail: Shown }} parts
 */
function connect(state, { head, line, list, detail }) {
  const { ui } = state;
  const rest = ui.later(() => {
    state.from = ui.get("threshold");
  }, NA_REST);
  ui.on("threshold", () => {
    head.show();
    line.show();
    list?.turned(state.from, ui.get("threshold"));
    rest();
  });
  for (const show of [detail.show, line.show, () => list?.mark()]) ui.on("selected", show);
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
  const { readings } = state;
  const failed = readings.filter(reading => reading.error !== undefined).length;
  const about = [fmt.count(readings.length, "question"), failed > 0 && `${fmt.whole(failed)} could not be read`];
  const head = h(
    "header",
    { class: "ql-head" },
    h("span", { class: "ql-question", role: "heading", "aria-level": 3 }, "Answer or no answer?"),
    h("span", { class: "ql-soft" }, about.filter(Boolean).join(", ")),
  );
  const figures = h("div", { class: "ql-na-figures" });
  return { el: h("div", {}, head, figures), show: () => fill(figures, figuresAt(state, state.ui.get("threshold"))) };
}

/** What a threshold comes to. @param {NoAnswerState} state @param {number} threshold @returns {Child} */
function figuresAt({ readings, view: { curve }, answers }, threshold) {
  const answered = readings.filter(reading => answers(reading)).length,
    k = curve === null ? 0 : levelAt(curve, threshold);
  return [
    figure("threshold", fmt.logit(threshold)),
    figure("answered", `${fmt.whole(answered)} of ${fmt.whole(readings.length)}`),
    curve !== null && [
      figure("exact", percentage(curve.exact[k])),
      figure("F1", percentage(curve.f1[k])),
      figure("F1 where answerable", percentage(curve.has_answer_f1[k])),
      figure("abstains where not", percentage(curve.no_answer[k])),
    ],
  ];
}

/** @param {string} name @param {string} value */
function figure(name, value) {
  return h("span", {}, name, " ", h("b", {}, value));
}

/** @param {number | null} x of a hundred */
function percentage(x) {
  return x === null ? "–" : x.toFixed(1);
}

// --- what a move turned -----------------------------------------------------------------------------------------------

/** @param {NoAnswerState} state */
function flippedList(state) {
  const { ui, readings } = state;
  const heading = h("div", { class: "ql-h" }),
    list = numberedList(ui, { class: "ql-na-list", "aria-label": "Questions" });
  /** @param {number[]} numbers */
  const show = numbers => list.show(numbers, (k, option) => flippedRow(state, k, option));
  /** @param {number} from @param {number} to */
  const turned = (from, to) => {
    const found = turnedBetween(readings, from, to);
    fill(
      heading,
      h("strong", {}, `Turned by the last move: ${fmt.whole(found.length)}`),
      turnedWords(readings, found, from, to),
    );
    show(found.slice(0, NA_MOST));
  };
  // Before the first move: those that a small one would turn.
  fill(heading, h("strong", {}, "Nearest to the threshold"), "a small move turns these");
  show(nearestFirst(numberedMargins(readings), ui.get("threshold")).slice(0, 8));
  return { el: h("section", {}, heading, list.el), turned, mark: list.mark };
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
 * The numbers of readings by how near their margins are to a threshold.
 *
 * @param {[margin: number, k: number][]} margins @param {number} threshold
 */
function nearestFirst(margins, threshold) {
  return margins.sort((a, b) => Math.abs(a[0] - threshold) - Math.abs(b[0] - threshold)).map(([, k]) => k);
}

/**
 * The numbers of the readings that a move of the threshold turned, in that order.
 *
 * @param {MarginReading[]} readings @param {number} from @param {number} to
 */
function turnedBetween(readings, from, to) {
  const [low, high] = from < to ? [from, to] : [to, from];
  const between = numberedMargins(readings).filter(([margin]) => margin > low && margin <= high);
  return nearestFirst(between, from);
}

/**
 * What a move did to those that it turned.
 *
 * @param {MarginReading[]} readings @param {number[]} turned @param {number} from @param {number} to @returns {Child}
 */
function turnedWords(readings, turned, from, to) {
  if (turned.length === 0) return `none between ${fmt.logit(Math.min(from, to))} and ${fmt.logit(Math.max(from, to))}`;
  const good = turned.filter(k => better(readings[k], to > from)).length,
    scored = turned.filter(k => isScored(readings[k])).length;
  return [
    to > from ? "now answered" : "now without an answer",
    scored > 0 && `; ${fmt.whole(good)} for the better, ${fmt.whole(scored - good)} not`,
    turned.length > NA_MOST && `; the first ${NA_MOST} are shown`,
  ];
}

/** @param {MarginReading} reading */
function isScored({ golds }) {
  return golds !== null && golds !== undefined;
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

/** @param {NoAnswerState} state @param {number} k @param {Attributes} option */
function flippedRow(state, k, option) {
  const reading = state.readings[k],
    answered = state.answers(reading);
  return h(
    "div",
    { class: "ql-na-row", "data-reading": k, ...option },
    h("span", {}, said(reading.question)),
    h("span", { class: answered ? "" : "ql-soft" }, answered ? said(reading.best) : NO_ANSWER),
    outcomeMark(answered ? reading.outcome : outcomeOfNone(reading)),
    h("span", { class: "ql-soft" }, fmt.logit(reading.margin)),
  );
}

/** Where a reading would be if it had no answer. @param {MarginReading} reading @returns {Outcome | null} */
function outcomeOfNone({ golds, outcome }) {
  if (golds === null) return outcome;
  return golds.length > 0 ? "false no-answer" : "right no-answer";
}

/** @param {Outcome | null} outcome */
function outcomeMark(outcome) {
  if (outcome === null) return h("span", { class: "ql-soft" }, "not known");
  const good = outcome.startsWith("right");
  return h("span", { class: good ? "ql-na-good" : "ql-na-bad" }, `${good ? "✓" : "✗"} ${outcome}`);
}

// --- one reading, window by window --------------------------------------------------------------------------------------

/** @param {NoAnswerState} state */
function oneReading(state) {
  const el = h("section", {});
  const show = () => {
    const reading = lookedAt(state);
    if (reading === null) return fill(el);
    const asked = state.many && h("p", {}, h("b", {}, said(reading.question)));
    if (reading.error === undefined) return fill(el, windowsTitle(reading), asked, windowParts(reading));
    return fill(el, title("This text could not be read"), asked, h("p", { class: "ql-note" }, reading.error));
  };
  return { el, show };
}

/** @param {MarginReading} reading */
function windowsTitle({ windows }) {
  const about =
    windows.length > 1
      ? "null score and best span of each, in logits; the marked ones decide and stand first"
      : "the null score and the best span, in logits";
  return title("Window by window", about);
}

/** @param {MarginReading} reading @returns {Child} */
function windowParts(reading) {
  return [golds(reading), windowTable(reading), ruleNote(reading)];
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
  const first = reading.windows[0].document === null ? "window (characters)" : "document (characters)";
  const head = [first, "null score", "best span", "margin", "P(no answer)", "its best span"].map(name =>
    h("th", { scope: "col" }, name),
  );
  const rows = decidingFirst(reading.windows, deciding).map(([window, k]) => windowRow(window, k, deciding));
  return h(
    "div",
    { class: "ql-na-list" },
    h("table", { class: "ql-numbers" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
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
  const { score } = window;
  /** @param {number | null} x @param {boolean} decides */
  const logit = (x, decides) => (decides ? h("b", {}, fmt.logit(x), " ◂") : fmt.logit(x));
  return h(
    "tr",
    {},
    h("td", {}, windowName(window, k)),
    h("td", { "data-label": "null" }, logit(window.null, k === counted)),
    h("td", { "data-label": "best" }, logit(score, k === best)),
    h("td", {}, score === null || window.null === null ? "–" : fmt.signed(window.null - score)),
    h("td", { "data-label": "none" }, fmt.percent(window.none)),
    h("td", { class: "ql-na-best" }, window.best === null ? "–" : said(cut(window.best, 48))),
  );
}

/**
 * The number of a window, or its document, and the characters that it holds.
 *
 * @param {MarginWindow} window @param {number} k @returns {Child}
 */
function windowName({ document, held }, k) {
  return [
    document === null ? `${k + 1}` : said(document),
    held !== null && h("span", { class: "ql-soft" }, ` ${fmt.whole(held[0])}–${fmt.whole(held[1])}`),
  ];
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
