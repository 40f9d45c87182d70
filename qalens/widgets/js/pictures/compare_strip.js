// @ts-check
// The change along both texts: what the words are, both probabilities, and their difference.

import { fill, h } from "../dom.js";
import { clamp, fmt, MINUS, scaleFor } from "../numbers.js";
import { title } from "../parts.js";
import { pointer } from "../ui.js";
import { cut, lastAtMost } from "../words.js";
import { logShare, mix, TokenAxis } from "./canvas.js";

/** @import { Comparison } from "./comparison.js" */
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
  const { ui } = state;
  const shown = { from: 0, to: 0 };
  /** @param {number} width */
  const axis = width => new TokenAxis(shown.from, shown.to, width - 2, { left: MARGIN, widest: 14 });
  const main = ui.canvas({
    label: "",
    height: BOTTOM + 4,
    paint(context, width, _, colours) {
      const { data } = state,
        a = axis(width);
      paintLabels(context, a, data, { y: 6, bottom: BOTTOM, colours, width });
      paintBoth(context, a, data, { colours, width });
      paintDifference(context, a, data, { colours, width });
    },
  });
  const over = ui.canvas({
    label: "",
    height: BOTTOM + 4,
    paint: (context, width, _, colours) => paintMarked(context, axis(width), state, colours),
  });
  over.el.setAttribute("aria-hidden", "true");
  over.el.classList.add("ql-over");
  const draw = () => {
    main.draw();
    over.draw();
  };
  const whole = wholeOf(state, shown, draw);
  answerPointer(state, over.el, event => axis(main.width).at(pointer(event, main.el)[0]));
  state.follow = place => whole.include(place);
  return {
    heading: stripTitle(),
    el: h("div", {}, whole.el, h("div", { class: "ql-stack" }, main.el, over.el)),
    point: () => over.draw(),
    /** @param {number} place */
    include: place => whole.include(place),
    fit() {
      whole.fit();
      main.el.setAttribute(
        "aria-label",
        `Probability of each of ${fmt.count(state.data.n, "character")} to be in the answer: ` +
          `${state.data.labels.join(", ")}, and the change. All of it can be read word by word in the text below.`,
      );
      draw();
    },
  };
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
 * @param {Context} context @param {string} text @param {number} x @param {number} y @param {string} colour
 * @param {CanvasTextAlign} [align]
 */
function write(context, text, x, y, colour, align = "left") {
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

/** Text without controls of the writing direction, for canvases. @param {string} text */
function isolated(text) {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/**
 * Some words over the strip: first those that changed most, then as many of the others as fit.
 *
 * @param {Context} context @param {TokenAxis} axis @param {Comparison} data
 * @param {{ y: number, bottom: number, colours: Colours, width: number }} options
 */
function paintLabels(context, axis, data, { y, bottom, colours, width }) {
  const first = Math.max(0, lastAtMost(data.begin, axis.from));
  const inside = [];
  for (let word = first; word < data.begin.length && data.begin[word] < axis.to; word++) {
    if (data.begin[word] >= axis.from && /[\p{L}\p{N}]/u.test(data.flow.slice(data.begin[word], data.end[word])))
      inside.push(word);
  }
  const size = new Map(inside.map(word => [word, Math.round(100 * Math.abs(data.changeOf(word))) / 100]));
  /** @param {number} word */
  const sizeOf = word => size.get(word) ?? 0;
  /** @type {Stretch[]} */
  const taken = [];
  for (const word of [...inside].sort((a, b) => sizeOf(b) - sizeOf(a) || a - b)) {
    const text = isolated(cut(data.flow.slice(data.begin[word], data.end[word]), 18));
    const x = axis.x(data.begin[word]),
      wide = context.measureText(text).width;
    if (x + wide > width || taken.some(([a, b]) => x < b + 12 && x + wide + 12 > a)) continue;
    taken.push([x, x + wide]);
    const strong = sizeOf(word) > 0.1 * data.most && sizeOf(word) >= 0.01;
    context.fillStyle = colours.rule;
    if (strong) context.fillRect(x, y + 8, 1, bottom - y - 8);
    write(context, text, x, y, strong ? colours.ink : colours.soft);
  }
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
 * @param {CompareState} state @param {{ from: number, to: number }} shown @param {() => void} moved
 */
function wholeOf(state, shown, moved) {
  const { ui } = state;
  /** @param {number} from */
  const put = from => {
    const { n } = state.data,
      size = Math.min(STRETCH, n);
    shown.from = Math.round(clamp(from, 0, n - size));
    shown.to = shown.from + size;
    slider.thumb.style.setProperty("--wide", `${(100 * size) / Math.max(1, n)}%`);
  };
  const slider = partSlider(state, shown, from => {
    put(from);
    moved();
  });
  const picture = ui.canvas({
    label: "",
    height: 26,
    paint: (context, width, high, colours) => paintWholeChange(context, state.data, { width, high, colours }),
  });
  picture.el.setAttribute("aria-hidden", "true");
  slider.track.append(picture.el);
  const words = h("span", {});
  const el = h("div", { class: "ql-whole", hidden: true }, h("div", { class: "ql-h" }, words), slider.el);
  /** @param {number} place */
  const include = place => {
    if (place < shown.from || place >= shown.to) put(place - (shown.to - shown.from) / 2);
    slider.set(shown.from);
    moved();
  };
  return {
    el,
    include,
    /** Make the frame fit another text, and look at where most changed. */
    fit() {
      const { data } = state,
        was = shown.from,
        n = data.n;
      put(was);
      el.hidden = n <= STRETCH;
      fill(words, `Both texts: ${fmt.count(n, "character")}`);
      slider.limit(0, Math.max(1, n - (shown.to - shown.from)));
      const most = data.change.findIndex(x => Math.abs(x) === data.most);
      include(data.most > 0 ? most : was);
      picture.draw();
    },
  };
}

/**
 * A slider whose thumb frames the part that is drawn.
 *
 * @param {CompareState} state @param {{ from: number, to: number }} shown @param {(from: number) => void} input
 */
function partSlider(state, shown, input) {
  const size = () => shown.to - shown.from;
  const slider = state.ui.slider({
    label: "Part of the text that is drawn",
    min: 0,
    max: 1,
    step: 1,
    page: STRETCH,
    value: 0,
    share: () => size() / Math.max(1, state.data.n),
    text: from => `characters ${fmt.whole(from + 1)} to ${fmt.whole(from + size())} of ${fmt.whole(state.data.n)}`,
    input,
  });
  slider.el.classList.add("ql-frame");
  return slider;
}

/**
 * The largest rise and the largest fall of each place of the whole, above and below one another.
 *
 * @param {Context} context @param {Comparison} data @param {{ width: number, high: number, colours: Colours }} options
 */
function paintWholeChange(context, data, { width, high, colours }) {
  const bins = Math.max(1, Math.floor(width / 3));
  const up = new Float32Array(bins),
    down = new Float32Array(bins);
  data.change.forEach((x, k) => {
    const bin = Math.floor((bins * k) / data.n);
    if (x > up[bin]) up[bin] = x;
    if (-x > down[bin]) down[bin] = -x;
  });
  context.fillStyle = colours.field;
  context.fillRect(0, 0, width, high);
  /** @type {[Float32Array, string, number][]} */
  const halves = [
    [up, colours.more, 0],
    [down, colours.less, high / 2],
  ];
  for (const [values, hue, y] of halves) {
    values.forEach((x, bin) => {
      const depth = logShare(x, 3);
      if (depth < 0.04) return;
      context.fillStyle = mix(colours.field, hue, depth);
      context.fillRect((width * bin) / bins, y, width / bins, high / 2);
    });
  }
}
