// @ts-check
// The change along both texts: what the words are, both probabilities, and their difference.

import { fill, h } from "../dom.js";
import { clamp, fmt, MINUS, scaleFor } from "../numbers.js";
import { title } from "../parts.js";
import { pointer } from "../ui.js";
import { cut, lastAtMost } from "../words.js";
import { isolated, layered, TokenAxis, write } from "./canvas.js";
import { binsOn, paintBins, TextFrame } from "./text_frame.js";

/** @import { Comparison } from "./comparison.js" */
/** @import { Shown } from "./text_frame.js" */
/** @import { Colours, CompareState, Context, Stretch } from "../types" */

const MARGIN = 40; // pixels left of the strip, for its numbers
const STRETCH = 700; // characters that the strip shows at a time
// From the top: words, then the probabilities of each text under its name, then their change above and below zero.
const LANES = { words: 16, name: 15, high: 30, change: 32, gap: 9 };
const LEVELS = [LANES.words + LANES.name, LANES.words + 2 * LANES.name + LANES.high + LANES.gap];
const ZERO = LEVELS[1] + LANES.high + LANES.gap + LANES.name + LANES.change;
const BOTTOM = ZERO + LANES.change;

/** @typedef {{ colours: Colours, width: number }} Look  The colours of the theme, and the width of the canvas. */

/** @param {CompareState} state */
export function stripOf(state) {
  const shown = { from: 0, to: 0 };
  const { el, main, over, draw } = stripCanvases(state, shown);
  const whole = wholeOf(state, shown, draw);
  state.follow = place => whole.include(place);
  return {
    heading: stripTitle(),
    el: h("div", {}, whole.el, el),
    point: over.draw,
    /** @param {number} place */
    include: place => whole.include(place),
    fit() {
      fitWhole(whole, state.data);
      main.el.setAttribute("aria-label", stripWords(state.data));
      draw();
    },
  };
}

/**
 * The strip, and above it what is marked and pointed at.
 *
 * @param {CompareState} state @param {Shown} shown
 */
function stripCanvases(state, shown) {
  /** @param {number} width */
  const axis = width => new TokenAxis(shown.from, shown.to, width - 2, { left: MARGIN, widest: 14 });
  const canvases = layered(state.ui, {
    height: BOTTOM + 4,
    paint: (context, width, _, colours) => paintStrip(context, axis(width), state.data, { colours, width }),
    mark: (context, width, _, colours) => paintMarked(context, axis(width), state, colours),
  });
  const { main, over } = canvases;
  answerPointer(state, over.el, event => axis(main.width).at(pointer(event, main.el)[0]));
  return canvases;
}

/** What the strip is, for those who do not see it. @param {Comparison} data */
function stripWords({ n, labels }) {
  return (
    `Probability of each of ${fmt.count(n, "character")} to be in the answer: ` +
    `${labels.join(", ")}, and the change. All of it can be read word by word in the text below.`
  );
}

function stripTitle() {
  return title(
    "Probability of being in the answer",
    "character by character; ",
    h(
      "span",
      {},
      h("i", { class: "ql-swatch ql-c-more" }),
      " more ",
      h("i", { class: "ql-swatch ql-c-less" }),
      " less",
    ),
  );
}

/**
 * Words under the pointer are pointed at, and picked by a click.
 *
 * @param {CompareState} state @param {HTMLElement} el @param {(event: MouseEvent) => number} placeAt a character, or -1
 */
function answerPointer(state, el, placeAt) {
  const { ui } = state;
  /** @param {MouseEvent} event */
  const wordAt = event => {
    const place = placeAt(event);
    return place < 0 ? -1 : state.data.wordAt(place);
  };
  ui.listen(el, "pointermove", event => {
    const word = wordAt(event);
    state.point(word < 0 ? null : { word });
  });
  ui.listen(el, "pointerleave", () => state.point(null));
  ui.listen(el, "click", event => {
    const word = wordAt(event);
    if (word < 0) return;
    state.text?.prose.reveal(word);
    state.text?.prose.pick(word, word);
  });
}

/** @param {Context} context @param {TokenAxis} axis @param {Comparison} data @param {Look} look */
function paintStrip(context, axis, data, look) {
  paintLabels(context, axis, data, look);
  paintBoth(context, axis, data, look);
  paintDifference(context, axis, data, look);
}

/**
 * The probabilities of both texts, on one scale.
 *
 * @param {Context} context @param {TokenAxis} axis @param {Comparison} data @param {Look} look
 */
function paintBoth(context, axis, data, { colours, width }) {
  const { high } = LANES;
  const most = scaleFor(Math.max(largestIn(data.before, axis), largestIn(data.after, axis)));
  [data.before, data.after].forEach((values, k) => {
    const top = LEVELS[k];
    write(context, isolated(data.labels[k]), width - 2, top - 7, colours.soft, "right");
    write(context, String(most), axis.left - 6, top + 5, colours.soft, "right");
    paintMissing(context, axis, values, { top, high, colours });
    paintLevel(context, axis, values, { y: top + high, high, most, fill: colours.pale, line: colours.answer });
    context.fillStyle = colours.rule;
    context.fillRect(axis.left, top + high, axis.right - axis.left, 1);
  });
}

/** @param {Context} context @param {TokenAxis} axis @param {Comparison} data @param {Look} look */
function paintDifference(context, axis, data, { colours, width }) {
  const { change } = LANES,
    end = scaleFor(largestIn(data.change, axis));
  write(context, "change", width - 2, ZERO - change - 7, colours.soft, "right");
  write(context, `+${end}`, axis.left - 6, ZERO - change + 5, colours.soft, "right");
  write(context, "0", axis.left - 6, ZERO, colours.soft, "right");
  write(context, `${MINUS}${end}`, axis.left - 6, ZERO + change - 5, colours.soft, "right");
  paintChange(context, axis, data.change, { zero: ZERO, high: change, most: end, colours });
}

/**
 * Frames around what is selected and what is pointed at.
 *
 * @param {Context} context @param {TokenAxis} axis @param {CompareState} state @param {Colours} colours
 */
function paintMarked(context, axis, { ui, data, hover }, colours) {
  const lanes = { top: LANES.words, bottom: BOTTOM };
  /** @type {Stretch | null} */
  const selected = ui.get("selected");
  if (Array.isArray(selected))
    data
      .toFlow(selected)
      .forEach(range => frameRange(context, axis, range, { ...lanes, colour: colours.ink, filled: false }));
  if (hover === null) return;
  data
    .rangesOf(hover)
    .forEach(range => frameRange(context, axis, range, { ...lanes, colour: colours.soft, filled: true }));
}

/** @param {Float32Array} values @param {{ from: number, to: number }} shown */
function largestIn(values, { from, to }) {
  let most = 0;
  for (let k = from; k < to; k++) if (Math.abs(values[k]) > most) most = Math.abs(values[k]);
  return most;
}

/**
 * Some words over the strip: first those that changed most, then as many of the others as fit.
 *
 * @param {Context} context @param {TokenAxis} axis @param {Comparison} data @param {Look} look
 */
function paintLabels(context, axis, data, { colours, width }) {
  const y = 6;
  /** @type {Stretch[]} */
  const taken = [];
  for (const { word, change } of wordsByChange(axis, data)) {
    const text = isolated(cut(data.flow.slice(data.begin[word], data.end[word]), 18));
    const x = axis.x(data.begin[word]),
      wide = context.measureText(text).width;
    if (x + wide > width || taken.some(([a, b]) => x < b + 12 && x + wide + 12 > a)) continue;
    taken.push([x, x + wide]);
    const strong = change > 0.1 * data.most && change >= 0.01;
    context.fillStyle = colours.rule;
    if (strong) context.fillRect(x, y + 8, 1, BOTTOM - y - 8);
    write(context, text, x, y, strong ? colours.ink : colours.soft);
  }
}

/**
 * The words on an axis, first those that changed most, to the hundredth; signs alone are none.
 *
 * @param {TokenAxis} axis @param {Comparison} data
 */
function wordsByChange(axis, data) {
  const { begin, end, flow } = data;
  const found = [];
  for (let word = Math.max(0, lastAtMost(begin, axis.from)); begin[word] < axis.to; word++) {
    if (begin[word] < axis.from || !/[\p{L}\p{N}]/u.test(flow.slice(begin[word], end[word]))) continue;
    found.push({ word, change: Math.round(100 * Math.abs(data.changeOf(word))) / 100 });
  }
  return found.sort((a, b) => b.change - a.change || a.word - b.word);
}

/**
 * Where a text does not have the characters: grey.
 *
 * @param {Context} context @param {TokenAxis} axis @param {Float32Array} values
 * @param {{ top: number, high: number, colours: Colours }} options
 */
function paintMissing(context, axis, values, { top, high, colours }) {
  context.fillStyle = colours.field;
  for (let k = axis.from; k < axis.to; ) {
    if (!Number.isNaN(values[k])) {
      k += 1;
      continue;
    }
    const from = k;
    while (k < axis.to && Number.isNaN(values[k])) k += 1;
    context.fillRect(axis.x(from), top, axis.x(k) - axis.x(from), high);
  }
}

/**
 * A level over the characters, filled down to its line of zero, with its upper edge.
 *
 * @param {Context} context @param {TokenAxis} axis @param {Float32Array} values
 * @param {{ y: number, high: number, most: number, fill: string, line: string }} options
 */
function paintLevel(context, axis, values, { y, high, most, fill: below, line }) {
  /** @param {number} k */
  const size = k => (high * clamp(values[k] || 0, 0, most)) / most;
  for (const [from, to] of runsOf(axis, k => size(k) >= 0.2)) {
    steps(context, axis, from, to, k => y - size(k), y);
    context.fillStyle = below;
    context.fill();
    steps(context, axis, from, to, k => y - size(k), null);
    context.strokeStyle = line;
    context.lineWidth = 1.6;
    context.stroke();
    context.lineWidth = 1;
  }
}

/**
 * @param {Context} context @param {TokenAxis} axis @param {Float32Array} values
 * @param {{ zero: number, high: number, most: number, colours: Colours }} options
 */
function paintChange(context, axis, values, { zero, high, most, colours }) {
  /** @type {[number, string][]} */
  const signs = [
    [1, colours.more],
    [-1, colours.less],
  ];
  for (const [sign, colour] of signs) {
    /** @param {number} k */
    const size = k => (high * clamp(sign * values[k], 0, most)) / most;
    context.fillStyle = colour;
    for (const [from, to] of runsOf(axis, k => size(k) >= 0.2)) {
      steps(context, axis, from, to, k => zero - sign * size(k), zero);
      context.fill();
    }
  }
  context.fillStyle = colours.soft;
  context.fillRect(axis.left, zero - 0.5, axis.right - axis.left, 1);
}

/**
 * Runs of characters of an axis for which something holds.
 *
 * @param {TokenAxis} axis @param {(k: number) => boolean} holds
 */
function runsOf(axis, holds) {
  /** @type {Stretch[]} */
  const runs = [];
  for (let k = axis.from; k < axis.to; k++) {
    if (!holds(k)) continue;
    const from = k;
    while (k < axis.to && holds(k)) k += 1;
    runs.push([from, k]);
  }
  return runs;
}

/**
 * A path of steps over some characters; closed along a line, or open where that is null.
 *
 * @param {Context} context @param {TokenAxis} axis @param {number} from @param {number} to
 * @param {(k: number) => number} level @param {number | null} line
 */
function steps(context, axis, from, to, level, line) {
  context.beginPath();
  if (line !== null) context.moveTo(axis.x(from), line);
  for (let k = from; k < to; k++) {
    context.lineTo(axis.x(k), level(k));
    context.lineTo(axis.x(k + 1), level(k));
  }
  if (line !== null) context.lineTo(axis.x(to), line);
}

/**
 * @param {Context} context @param {TokenAxis} axis @param {Stretch} range
 * @param {{ top: number, bottom: number, colour: string, filled: boolean }} options
 */
function frameRange(context, axis, [from, to], { top, bottom, colour, filled }) {
  const left = Math.max(axis.left, axis.x(from)),
    right = Math.min(axis.right, axis.x(to));
  if (right <= left) return;
  context.globalAlpha = filled ? 0.16 : 1;
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 1.5;
  if (filled) context.fillRect(left, top, right - left, bottom - top);
  else context.strokeRect(left, top, right - left, bottom - top);
  context.globalAlpha = 1;
  context.lineWidth = 1;
}

/**
 * The whole of a long text as a strip, with a frame around what is drawn large.
 *
 * @param {CompareState} state @param {Shown} shown @param {() => void} moved
 */
function wholeOf(state, shown, moved) {
  const whole = new TextFrame(state.ui, {
    shown,
    unit: "characters",
    page: STRETCH,
    length: () => state.data.n,
    paint: (context, width, high, colours) => paintWholeChange(context, state.data, { width, high, colours }),
    moved: () => moved(),
  });
  whole.el.hidden = true;
  return whole;
}

/** Make the frame fit another text, and look at where most changed. @param {TextFrame} whole @param {Comparison} data */
function fitWhole(whole, { n, change, most }) {
  const was = whole.shown.from;
  whole.resize(was, Math.min(STRETCH, n));
  whole.el.hidden = n <= STRETCH;
  fill(whole.heading, h("span", {}, `Both texts: ${fmt.count(n, "character")}`));
  whole.include(most > 0 ? change.findIndex(x => Math.abs(x) === most) : was);
  whole.draw();
}

/**
 * The largest rise and the largest fall of each place of the whole, above and below one another.
 *
 * @param {Context} context @param {Comparison} data @param {{ width: number, high: number, colours: Colours }} options
 */
function paintWholeChange(context, data, { width, high, colours }) {
  const up = new Float32Array(binsOn(width)),
    down = new Float32Array(up.length);
  data.change.forEach((x, k) => {
    const bin = Math.floor((up.length * k) / data.n);
    if (x > up[bin]) up[bin] = x;
    if (-x > down[bin]) down[bin] = -x;
  });
  context.fillStyle = colours.field;
  context.fillRect(0, 0, width, high);
  paintBins(context, up, { y: 0, width, high: high / 2, hue: colours.more, colours });
  paintBins(context, down, { y: high / 2, width, high: high / 2, hue: colours.less, colours });
}
