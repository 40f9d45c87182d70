// @ts-check
// The line of margins with its threshold, and what the figures would be elsewhere on it.

import { fill, h, said } from "../dom.js";
import { clamp, fmt, ticks } from "../numbers.js";
import { pointer } from "../ui.js";
import { lastAtMost } from "../words.js";

/** @import { Child, Colours, Context, Curve, MarginReading, NoAnswerState, Place } from "../types" */

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

/** @param {NoAnswerState} state */
export function thresholdLine(state) {
  const { ui, view, readings, many } = state;
  let [low, high] = domain(state);
  const step = high - low > 200 ? 0.1 : high - low > 20 ? 0.05 : 0.01;
  const curve = many ? view.curve : null,
    curved = curve !== null;
  const height = curved ? 236 : many ? 96 : 84;
  /** @type {Place} */
  const place = (x, width) => NA_LEFT + ((x - low) / (high - low)) * (width - NA_LEFT - NA_RIGHT);
  const label = curved
    ? "Exact match and F1 by threshold"
    : many
      ? "The margins of all questions"
      : "The margin on the line of thresholds";
  const canvas = ui.canvas({
    label,
    height,
    paint(context, width, tall, colours) {
      if (curved) paintCurves(context, { width, top: 14, bottom: tall - 66, place, colours, state });
      paintMargins(context, {
        width,
        top: curved ? tall - 58 : 26,
        bottom: tall - 20,
        low,
        high,
        place,
        colours,
        state,
      });
    },
  });
  const tellPython = ui.later(() => ui.save(), NA_SETTLED);
  const slider = ui.slider({
    label: "No-answer threshold, in logits",
    min: low,
    max: high,
    step,
    page: 1,
    value: ui.get("threshold"),
    text: value => `${fmt.logit(value)} logits; ${spoken(state, value)}`,
    // Every step is seen here at once; Python hears of the place where the thumb comes to rest.
    input: value => {
      ui.model.set("threshold", value);
      tellPython();
    },
  });
  const words = h("p", { class: "ql-na-words", "aria-live": "polite" });
  const tell = () => fill(words, thresholdWords(state));
  if (many)
    ui.listen(canvas.el, "click", event => {
      const [x, y] = pointer(event, canvas.el);
      const near = nearest(readings, value => place(value, canvas.width), x);
      if (near !== null && y > height - 62) ui.set("selected", near);
    });
  tell();
  const best =
    curve !== null && curve.best.threshold !== null
      ? ui.button(
          `best F1 here: ${curve.best.f1.toFixed(1)} at ${fmt.logit(curve.best.threshold)}`,
          () => ui.set("threshold", curve.best.threshold),
          { small: true },
        )
      : null;
  const kept =
    promised(state) === null
      ? null
      : ui.button(`promised: ${fmt.logit(promised(state))}`, () => ui.set("threshold", promised(state)), {
          small: true,
        });
  const zero = ui.button("0", () => ui.set("threshold", 0), { small: true, name: "Set the threshold to 0" });
  return {
    heading: h(
      "div",
      { class: "ql-h" },
      h("strong", { role: "heading", "aria-level": 4 }, "Threshold"),
      h(
        "span",
        {},
        curved
          ? ["questions with a margin up to it are answered; ", key("ql-swatch", "F1"), ", dashed: exact match"]
          : "move it: the decision follows",
      ),
      h("span", { class: "ql-push ql-tools" }, best, kept, zero),
    ),
    el: h(
      "div",
      {},
      canvas.el,
      h("div", { class: "ql-na-line" }, slider.el),
      many && marginKey(state),
      words,
      view.promise && h("p", { class: "ql-note ql-na-promise" }, view.promise.said),
    ),
    show() {
      const value = ui.get("threshold");
      if (value < low || value > high) {
        [low, high] = domain(state);
        slider.limit(low, high);
      }
      slider.set(value);
      canvas.draw();
      tell();
    },
  };
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
 * @param {MarginReading[]} readings @param {(margin: number) => number} place @param {number} x
 */
function nearest(readings, place, x) {
  /** @type {number | null} */
  let best = null;
  let least = 12;
  readings.forEach((reading, k) => {
    if (reading.margin === null || reading.margin === undefined) return;
    const away = Math.abs(place(reading.margin) - x);
    if (away < least) [best, least] = [k, away];
  });
  return best;
}

/**
 * @param {Context} context
 * @param {{ width: number, top: number, bottom: number, low: number, high: number, place: Place, colours: Colours,
 * state: NoAnswerState }} options
 */
function paintMargins(context, { width, top, bottom, low, high, place, colours, state }) {
  const { readings, many, ui } = state;
  const threshold = ui.get("threshold"),
    at = clamp(place(threshold, width), NA_LEFT, width - NA_RIGHT);
  /** @param {number} from @param {number} to @param {string} colour */
  const shade = (from, to, colour) => {
    context.globalAlpha = 0.22;
    context.fillStyle = colour;
    context.fillRect(from, top, Math.max(0, to - from), bottom - top);
    context.globalAlpha = 1;
  };
  shade(NA_LEFT, at, colours.answer);
  shade(at, width - NA_RIGHT, colours.none);
  context.fillStyle = colours.soft;
  context.textBaseline = "middle";
  const middle = (top + bottom) / 2;
  if (!many) {
    const margin = readings[0].margin,
      dot = margin === null || margin === undefined ? -Infinity : place(margin, width);
    context.textAlign = "left";
    // At the outer end of its side; next to the dot where that is already there.
    sideWords(context, "answers", NA_LEFT, at, dot, middle, () => [NA_LEFT + 6, dot + 12]);
    sideWords(context, "no answer", at, width - NA_RIGHT, dot, middle, size => [
      width - NA_RIGHT - 6 - size,
      dot - 12 - size,
    ]);
  }
  paintTicks(context, { low, high, y: bottom + 10, width, place, colours });
  const looked = ui.get("selected");
  readings.forEach((reading, k) => {
    if (reading.margin === null || reading.margin === undefined) return;
    const x = place(reading.margin, width),
      none = reading.golds !== null && reading.golds.length === 0;
    if (!many) {
      context.fillStyle = colours.ink;
      context.beginPath();
      context.arc(x, middle, 5.5, 0, 2 * Math.PI);
      context.fill();
      context.textBaseline = "alphabetic";
      // The label stays beside the threshold's own, and inside.
      const words = `margin ${fmt.logit(reading.margin)}`,
        size = context.measureText(words).width;
      context.textAlign = "left";
      context.fillText(words, clamp(x - size / 2, NA_LEFT, width - NA_RIGHT - size), top - 8);
      return;
    }
    context.fillStyle = none ? colours.none : colours.answer;
    context.globalAlpha = readings.length > 400 ? 0.25 : 0.6;
    if (none) context.fillRect(x - 0.75, middle, 1.5, bottom - middle);
    else context.fillRect(x - 0.75, top, 1.5, middle - top);
    context.globalAlpha = 1;
    if (k === looked) {
      context.strokeStyle = colours.ink;
      context.lineWidth = 1.5;
      context.strokeRect(x - 3, none ? middle : top, 6, middle - top);
    }
  });
  upright(context, { at, top: top - 4, bottom: bottom + 4, thick: 2, colours });
  const kept = promised(state);
  if (kept !== null) {
    context.setLineDash([4, 3]);
    upright(context, { at: place(kept, width), top: top - 4, bottom: bottom + 4, thick: 1.5, colours });
    context.setLineDash([]);
  }
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
 * @param {Context} context
 * @param {{ at: number, top: number, bottom: number, thick: number, colours: Colours }} options
 */
function upright(context, { at, top, bottom, thick, colours }) {
  context.strokeStyle = colours.ink;
  context.lineWidth = thick;
  context.beginPath();
  context.moveTo(at, top);
  context.lineTo(at, bottom);
  context.stroke();
}

/**
 * @param {Context} context
 * @param {{ low: number, high: number, y: number, width: number, place: Place, colours: Colours }} options
 */
function paintTicks(context, { low, high, y, width, place, colours }) {
  context.fillStyle = colours.soft;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const tick of ticks(low, high, clamp(Math.floor(width / 110), 3, 9))) {
    const x = place(tick, width);
    if (x > NA_LEFT + 8 && x < width - NA_RIGHT - 8) context.fillText(fmt.logit(tick, 0), x, y);
  }
}

/**
 * @param {Context} context
 * @param {{ width: number, top: number, bottom: number, place: Place, colours: Colours, state: NoAnswerState }} options
 */
function paintCurves(context, { width, top, bottom, place, colours, state }) {
  const curve = state.view.curve;
  if (curve === null) return;
  const all = [...curve.f1, ...curve.exact].filter(x => x !== null);
  let least = 100,
    most = 0;
  for (const x of all) [least, most] = [Math.min(least, x), Math.max(most, x)];
  const base = Math.max(0, 10 * Math.floor(least / 10)),
    peak = Math.min(100, 10 * Math.ceil(Math.max(most, base + 10) / 10));
  /** @param {number | null | undefined} value */
  const y = value => bottom - ((Number(value) - base) / (peak - base)) * (bottom - top);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks(base, peak, 4)) {
    context.fillStyle = colours.soft;
    context.fillText(`${tick}`, NA_LEFT - 8, y(tick));
    context.fillStyle = colours.rule;
    context.fillRect(NA_LEFT, y(tick) - 0.5, width - NA_LEFT - NA_RIGHT, 1);
  }
  const at = clamp(place(state.ui.get("threshold"), width), NA_LEFT, width - NA_RIGHT);
  const now = levelAt(curve, state.ui.get("threshold"));
  /** @type {["exact" | "f1", string, number[]][]} */
  const lines = [
    ["exact", colours.ink, [5, 3]],
    ["f1", colours.answer, []],
  ];
  for (const [name, colour, dash] of lines) {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(NA_LEFT, y(curve[name][0]));
    for (let k = 1; k < curve.threshold.length; k++) {
      const x = clamp(place(Number(curve.threshold[k]), width), NA_LEFT, width - NA_RIGHT);
      context.lineTo(x, y(curve[name][k - 1]));
      context.lineTo(x, y(curve[name][k]));
    }
    context.lineTo(width - NA_RIGHT, y(curve[name].at(-1)));
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = colour;
    context.beginPath();
    context.arc(at, y(curve[name][now]), 4.5, 0, 2 * Math.PI);
    context.fill();
  }
  upright(context, { at, top: top - 6, bottom: bottom + 8, thick: 1, colours });
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
  const threshold = state.ui.get("threshold");
  if (!state.many) {
    const reading = state.readings[0];
    if (reading.margin === null)
      return "No threshold brings an answer: the text holds no span that the model could take.";
    const answered = state.answers(reading);
    return [
      `Null score ${fmt.logit(reading.null)} against ${fmt.logit(reading.score)} of the best span: the margin is ${fmt.logit(reading.margin)}. `,
      reading.margin < 0
        ? ["By itself “", said(reading.best), `” is ${times(reading.margin)} as probable as no answer. `]
        : [`No answer is ${times(reading.margin)} as probable as “`, said(reading.best), "” by itself. "],
      answered
        ? `It is the answer, until the threshold falls below ${fmt.logit(reading.margin)}.`
        : `It is rejected, until the threshold rises to ${fmt.logit(reading.margin)}.`,
    ];
  }
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
  if (!state.many) return state.answers(state.readings[0], value) ? `answers ${state.readings[0].best}` : "no answer";
  const answered = state.readings.filter(reading => state.answers(reading, value)).length;
  return `${fmt.count(answered, "question")} answered`;
}
