// @ts-check
// The line of margins with its threshold, and what the figures would be elsewhere on it.

import { fill, h, said } from "../dom.js";
import { clamp, fmt, NO_ANSWER, ticks } from "../numbers.js";
import { pointer } from "../ui.js";
import { lastAtMost } from "../words.js";
import { strokeLine, write } from "./canvas.js";

/** @import { Canvas, Child, Colours, Context, Curve, MarginReading, NoAnswerState } from "../types" */

const NA_LEFT = 44,
  NA_RIGHT = 12; // pixels beside the line, for the labels of an axis
const NA_SETTLED = 250; // milliseconds after which a threshold is sent to Python

/** @param {NoAnswerState} state @returns {[number, number]} */
function domain(state) {
  const margins = state.readings.map(reading => reading.margin).filter(m => m !== null && m !== undefined);
  /** @type {number[]} */
  const places = [...margins, state.ui.get("threshold"), 0];
  const kept = promised(state);
  if (kept !== null) places.push(kept);
  let low = Infinity,
    high = -Infinity;
  for (const place of places) [low, high] = [Math.min(low, place), Math.max(high, place)];
  const room = Math.max(1.5, 0.08 * (high - low));
  return [Math.floor(low - room), Math.ceil(high + room)];
}

/** The threshold that is promised, or null. @param {NoAnswerState} state */
function promised(state) {
  return state.view.promise?.threshold ?? null;
}

/** The figures by threshold, where there are many readings to count; else null. @param {NoAnswerState} state */
function curveOf({ many, view }) {
  return many ? view.curve : null;
}

/** @param {NoAnswerState} state */
export function thresholdLine(state) {
  let range = domain(state);
  const canvas = lineCanvas(state, width => marginAxis(...range, width)),
    slider = lineSlider(state, ...range),
    words = h("p", { class: "ql-na-words", "aria-live": "polite" });
  const show = () => {
    const value = state.ui.get("threshold");
    if (value < range[0] || value > range[1]) {
      range = domain(state);
      slider.limit(...range);
    }
    slider.set(value);
    canvas.draw();
    fill(words, thresholdWords(state));
  };
  show();
  return { heading: lineHeading(state), el: lineElement(state, canvas.el, slider.el, words), show };
}

/**
 * The line over its threshold, and what is to say of it.
 *
 * @param {NoAnswerState} state @param {HTMLElement} canvas @param {HTMLElement} slider @param {HTMLElement} words
 */
function lineElement(state, canvas, slider, words) {
  const { many, view } = state;
  return h(
    "div",
    {},
    canvas,
    h("div", { class: "ql-na-line" }, slider),
    many && marginKey(state),
    words,
    view.promise && h("p", { class: "ql-note ql-na-promise" }, view.promise.said),
  );
}

/** @param {NoAnswerState} state */
function lineHeading(state) {
  return h(
    "div",
    { class: "ql-h" },
    h("strong", { role: "heading", "aria-level": 4 }, "Threshold"),
    h(
      "span",
      {},
      curveOf(state) === null
        ? "move it: the decision follows"
        : ["questions with a margin up to it are answered; ", key("ql-swatch", "F1"), ", dashed: exact match"],
    ),
    h("span", { class: "ql-push ql-tools" }, thresholdButtons(state)),
  );
}

/** Thresholds to go to at once: the best, the promised, and 0. @param {NoAnswerState} state @returns {Child[]} */
function thresholdButtons(state) {
  const { ui } = state;
  const best = curveOf(state)?.best,
    kept = promised(state);
  /** @param {number} threshold */
  const go = threshold => () => ui.set("threshold", threshold);
  return [
    best !== undefined &&
      best.threshold !== null &&
      ui.button(`best F1 here: ${best.f1.toFixed(1)} at ${fmt.logit(best.threshold)}`, go(best.threshold), {
        small: true,
      }),
    kept !== null && ui.button(`promised: ${fmt.logit(kept)}`, go(kept), { small: true }),
    ui.button("0", go(0), { small: true, name: "Set the threshold to 0" }),
  ];
}

/** @param {NoAnswerState} state @param {number} low @param {number} high */
function lineSlider(state, low, high) {
  const { ui } = state;
  const tellPython = ui.later(() => ui.save(), NA_SETTLED);
  return ui.slider({
    label: "No-answer threshold, in logits",
    min: low,
    max: high,
    step: high - low > 200 ? 0.1 : high - low > 20 ? 0.05 : 0.01,
    page: 1,
    value: ui.get("threshold"),
    text: value => `${fmt.logit(value)} logits; ${spoken(state, value)}`,
    // Every step is seen here at once; Python hears of the place where the thumb comes to rest.
    input: value => {
      ui.model.set("threshold", value);
      tellPython();
    },
  });
}

/**
 * The margins, below the curves where there are some; of many readings a click looks at one.
 *
 * @param {NoAnswerState} state @param {(width: number) => MarginAxis} axisOf
 */
function lineCanvas(state, axisOf) {
  const { ui, many } = state;
  const curve = curveOf(state);
  const alone = many ? "The margins of all questions" : "The margin on the line of thresholds";
  const canvas = ui.canvas({
    label: curve !== null ? "Exact match and F1 by threshold" : alone,
    height: curve !== null ? 236 : many ? 96 : 84,
    paint(context, width, tall, colours) {
      const axis = axisOf(width);
      if (curve !== null) paintCurves(context, axis, state, { curve, top: 14, bottom: tall - 66, colours });
      paintMargins(context, axis, state, { top: curve !== null ? tall - 58 : 26, bottom: tall - 20, colours });
    },
  });
  if (many) lookAtMargins(state, canvas, axisOf);
  return canvas;
}

/**
 * A click on a margin looks at its reading.
 *
 * @param {NoAnswerState} state @param {Canvas} canvas @param {(width: number) => MarginAxis} axisOf
 */
function lookAtMargins({ ui, readings }, canvas, axisOf) {
  ui.listen(canvas.el, "click", event => {
    const [x, y] = pointer(event, canvas.el);
    const near = nearest(readings, axisOf(canvas.width), x);
    if (near !== null && y > canvas.el.clientHeight - 62) ui.set("selected", near);
  });
}

/** @param {NoAnswerState} state */
function marginKey(state) {
  const known = state.readings.some(reading => reading.golds?.length === 0);
  return h(
    "p",
    { class: "ql-note" },
    "A tick is the margin of a question",
    known && [": ", key("ql-swatch", "above, with an answer"), "; ", key("ql-swatch ql-c-none", "below, without one")],
    ". A click on it shows its windows.",
  );
}

/** @param {string} name @param {string} text */
function key(name, text) {
  return h("span", { class: "ql-na-key" }, h("i", { class: name }), " ", text);
}

/**
 * The number of the reading whose margin is nearest to a place on the line.
 *
 * @param {MarginReading[]} readings @param {MarginAxis} axis @param {number} x
 */
function nearest(readings, axis, x) {
  /** @type {number | null} */
  let best = null;
  let least = 12;
  readings.forEach((reading, k) => {
    if (reading.margin === null || reading.margin === undefined) return;
    const away = Math.abs(axis.x(reading.margin) - x);
    if (away < least) [best, least] = [k, away];
  });
  return best;
}

// --- paint ------------------------------------------------------------------------------------------------------------

/** @typedef {ReturnType<typeof marginAxis>} MarginAxis */

/**
 * Where margins from `low` to `high`, in logits, stand on a line of so many pixels.
 *
 * @param {number} low @param {number} high @param {number} width
 */
function marginAxis(low, high, width) {
  const left = NA_LEFT,
    right = width - NA_RIGHT;
  /** @param {number} margin */
  const x = margin => left + ((margin - low) / (high - low)) * (right - left);
  /** The place of a margin, or the end of the line that is next to it. @param {number} margin */
  const within = margin => clamp(x(margin), left, right);
  return { low, high, left, right, width, x, within };
}

/**
 * @param {Context} context @param {MarginAxis} axis @param {NoAnswerState} state
 * @param {{ top: number, bottom: number, colours: Colours }} options
 */
function paintMargins(context, axis, state, { top, bottom, colours }) {
  const at = axis.within(state.ui.get("threshold")),
    kept = promised(state);
  paintSides(context, axis, at, { top, bottom, colours });
  paintTicks(context, axis, bottom + 10, colours);
  if (state.many) paintReadings(context, axis, state, { top, bottom, colours });
  else paintReading(context, axis, state.readings[0], { at, top, bottom, colours });
  upright(context, at, { top: top - 4, bottom: bottom + 4, wide: 2, colours });
  if (kept !== null)
    upright(context, axis.x(kept), { top: top - 4, bottom: bottom + 4, wide: 1.5, dash: [4, 3], colours });
}

/**
 * Both sides of the threshold: up to it there is an answer, above it none.
 *
 * @param {Context} context @param {MarginAxis} axis @param {number} at the place of the threshold
 * @param {{ top: number, bottom: number, colours: Colours }} options
 */
function paintSides(context, { left, right }, at, { top, bottom, colours }) {
  context.globalAlpha = 0.22;
  context.fillStyle = colours.answer;
  context.fillRect(left, top, at - left, bottom - top);
  context.fillStyle = colours.none;
  context.fillRect(at, top, right - at, bottom - top);
  context.globalAlpha = 1;
}

/**
 * The margin of the only reading as a dot with its number, and what the sides of the threshold mean.
 *
 * @param {Context} context @param {MarginAxis} axis @param {MarginReading} reading
 * @param {{ at: number, top: number, bottom: number, colours: Colours }} options `at` is the place of the threshold
 */
function paintReading(context, { left, right, x }, { margin }, { at, top, bottom, colours }) {
  const middle = (top + bottom) / 2,
    dot = margin === null || margin === undefined ? -Infinity : x(margin);
  context.fillStyle = colours.soft;
  context.textBaseline = "middle";
  context.textAlign = "left";
  // At the outer end of its side; next to the dot where that is already there.
  sideWords(context, "answers", left, at, dot, middle, () => [left + 6, dot + 12]);
  sideWords(context, NO_ANSWER, at, right, dot, middle, size => [right - 6 - size, dot - 12 - size]);
  if (margin === null || margin === undefined) return;
  paintDot(context, dot, middle, { radius: 5.5, colour: colours.ink });
  context.textBaseline = "alphabetic";
  // The label stays beside the threshold's own, and inside.
  const words = `margin ${fmt.logit(margin)}`,
    size = context.measureText(words).width;
  context.fillText(words, clamp(dot - size / 2, left, right - size), top - 8);
}

/**
 * A tick for the margin of each reading: above where there is an answer, below where there is none.
 *
 * @param {Context} context @param {MarginAxis} axis @param {NoAnswerState} state
 * @param {{ top: number, bottom: number, colours: Colours }} options
 */
function paintReadings(context, axis, { ui, readings }, { top, bottom, colours }) {
  const high = (bottom - top) / 2,
    looked = ui.get("selected");
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.5;
  readings.forEach(({ margin, golds }, k) => {
    if (margin === null || margin === undefined) return;
    const x = axis.x(margin),
      none = golds !== null && golds.length === 0,
      y = none ? top + high : top;
    context.fillStyle = none ? colours.none : colours.answer;
    context.globalAlpha = readings.length > 400 ? 0.25 : 0.6;
    context.fillRect(x - 0.75, y, 1.5, high);
    context.globalAlpha = 1;
    if (k === looked) context.strokeRect(x - 3, y, 6, high);
  });
}

/**
 * Words on one side of the threshold, from the first of some places where they have room and do not touch the dot.
 *
 * @param {Context} context @param {string} words @param {number} from @param {number} to @param {number} dot
 * @param {number} y @param {(size: number) => number[]} places
 */
function sideWords(context, words, from, to, dot, y, places) {
  const size = context.measureText(words).width;
  const start = places(size).find(x => x >= from + 6 && x + size <= to - 6 && (dot + 9 < x || dot - 9 > x + size));
  if (start !== undefined) context.fillText(words, start, y);
}

/**
 * @param {Context} context @param {number} x
 * @param {{ top: number, bottom: number, wide: number, dash?: number[], colours: Colours }} options
 */
function upright(context, x, { top, bottom, wide, dash, colours }) {
  strokeLine(context, [x, top], [x, bottom], { colour: colours.ink, wide, dash });
}

/**
 * @param {Context} context @param {number} x @param {number} y @param {{ radius: number, colour: string }} options
 */
function paintDot(context, x, y, { radius, colour }) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** @param {Context} context @param {MarginAxis} axis @param {number} y @param {Colours} colours */
function paintTicks(context, axis, y, colours) {
  context.fillStyle = colours.soft;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const tick of ticks(axis.low, axis.high, clamp(Math.floor(axis.width / 110), 3, 9))) {
    const x = axis.x(tick);
    if (x > axis.left + 8 && x < axis.right - 8) context.fillText(fmt.logit(tick, 0), x, y);
  }
}

/**
 * @param {Context} context @param {MarginAxis} axis @param {NoAnswerState} state
 * @param {{ curve: Curve, top: number, bottom: number, colours: Colours }} options
 */
function paintCurves(context, axis, state, { curve, top, bottom, colours }) {
  const { base, peak } = figuresShown(curve);
  /** @param {number | null} value */
  const y = value => bottom - ((Number(value) - base) / (peak - base)) * (bottom - top);
  for (const tick of ticks(base, peak, 4)) paintFigure(context, axis, tick, y(tick), colours);
  const threshold = state.ui.get("threshold");
  const at = axis.within(threshold),
    now = levelAt(curve, threshold);
  paintCurve(context, axis, curve.threshold, curve.exact.map(y), { colour: colours.ink, dash: [5, 3] });
  paintDot(context, at, y(curve.exact[now]), { radius: 4.5, colour: colours.ink });
  paintCurve(context, axis, curve.threshold, curve.f1.map(y), { colour: colours.answer, dash: [] });
  paintDot(context, at, y(curve.f1[now]), { radius: 4.5, colour: colours.answer });
  upright(context, at, { top: top - 6, bottom: bottom + 8, wide: 1, colours });
}

/**
 * A figure beside the curves, with its line.
 *
 * @param {Context} context @param {MarginAxis} axis @param {number} figure @param {number} y @param {Colours} colours
 */
function paintFigure(context, axis, figure, y, colours) {
  write(context, `${figure}`, axis.left - 8, y, colours.soft, "right");
  context.fillStyle = colours.rule;
  context.fillRect(axis.left, y - 0.5, axis.right - axis.left, 1);
}

/**
 * A figure by threshold in steps: it holds from its threshold to the next.
 *
 * @param {Context} context @param {MarginAxis} axis @param {(number | null)[]} thresholds @param {number[]} heights
 * @param {{ colour: string, dash: number[] }} options
 */
function paintCurve(context, axis, thresholds, heights, { colour, dash }) {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(axis.left, heights[0]);
  for (let k = 1; k < thresholds.length; k++) {
    const x = axis.within(Number(thresholds[k]));
    context.lineTo(x, heights[k - 1]);
    context.lineTo(x, heights[k]);
  }
  context.lineTo(axis.right, heights[heights.length - 1]);
  context.stroke();
  context.setLineDash([]);
}

/** From which figure to which the curves are drawn, in round tens. @param {Curve} curve */
function figuresShown(curve) {
  let least = 100,
    most = 0;
  for (const x of [...curve.f1, ...curve.exact]) {
    if (x !== null) [least, most] = [Math.min(least, x), Math.max(most, x)];
  }
  const base = Math.max(0, 10 * Math.floor(least / 10));
  return { base, peak: Math.min(100, 10 * Math.ceil(Math.max(most, base + 10) / 10)) };
}

// --- words ------------------------------------------------------------------------------------------------------------

/** The level of the curve that holds a threshold. @param {Curve} curve @param {number} threshold */
export function levelAt(curve, threshold) {
  curve.places ??= Float64Array.from(curve.threshold, t => t ?? -Infinity);
  return lastAtMost(curve.places, threshold);
}

/** How many times as probable, for a difference in logits. @param {number} logits */
function times(logits) {
  const ratio = Math.exp(Math.abs(logits));
  if (!Number.isFinite(ratio) || ratio >= 1e6) return "more than a million times";
  if (ratio < 1.05) return "about";
  return `${ratio < 10 ? ratio.toFixed(1) : fmt.whole(Math.round(ratio))} times`;
}

/** @param {NoAnswerState} state @returns {Child} */
function thresholdWords(state) {
  if (state.many) return questionsWords(state.ui.get("threshold"));
  const [reading] = state.readings;
  return marginWords(reading, state.answers(reading));
}

/** How one margin came about, and what becomes of it. @param {MarginReading} reading @param {boolean} answered */
function marginWords({ null: none, score, margin, best }, answered) {
  if (margin === null) return "No threshold brings an answer: the text holds no span that the model could take.";
  return [
    `Null score ${fmt.logit(none)} against ${fmt.logit(score)} of the best span: the margin is ${fmt.logit(margin)}. `,
    margin < 0
      ? ["By itself “", said(best), `” is ${times(margin)} as probable as no answer. `]
      : [`No answer is ${times(margin)} as probable as “`, said(best), "” by itself. "],
    answered
      ? `It is the answer, until the threshold falls below ${fmt.logit(margin)}.`
      : `It is rejected, until the threshold rises to ${fmt.logit(margin)}.`,
  ];
}

/** Which questions are answered. @param {number} threshold */
function questionsWords(threshold) {
  const how =
    threshold === 0
      ? "at least as probable as no answer"
      : threshold < 0
        ? `at least ${times(threshold)} as probable as no answer`
        : `not less probable than no answer by more than ${times(threshold)}`;
  return `At ${fmt.logit(threshold)} a question is answered where its best span is ${how}.`;
}

/** @param {NoAnswerState} state @param {number} value */
function spoken(state, value) {
  if (!state.many) return state.answers(state.readings[0], value) ? `answers ${state.readings[0].best}` : NO_ANSWER;
  const answered = state.readings.filter(reading => state.answers(reading, value)).length;
  return `${fmt.count(answered, "question")} answered`;
}
