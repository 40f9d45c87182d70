// @ts-check
// The tokens of one reading as starts and ends, and all its spans as a map under them.

import { fill, h } from "../dom.js";
import { clamp, fmt } from "../numbers.js";
import { pointer } from "../ui.js";
import { cutMiddle } from "../words.js";
import { isolated, layered, logShare, strokeLine, TokenAxis, write } from "./canvas.js";
import { minimap, ROOM } from "./token_minimap.js";
import { traitChoice } from "./trait_choice.js";

/** @import { Answer, Canvas, Colours, Context, Paint, Run, SpanHover, SpanState, SpanView } from "../types" */
/** @import { Spans } from "./spans.js" */
/** @import { Shown } from "./text_frame.js" */
/** @import { Ui } from "../ui.js" */
/** @import { Words } from "../words.js" */

// In pixels: what is left of an axis for its labels; the lane of starts, and that of ends; a named span between the lanes
// and the map; from one word over the axis to the next.
const GUTTER = 44;
const LANE = 40;
const TAG = 22;
const WORD = 74;
/** @type {[string, string][]} */
const SCALES = [
  ["probability", "probability"],
  ["logits", "logits"],
];
/** @type {[boolean, string][]} */
const GIVEN = [
  [true, "if answered"],
  [false, "with no answer"],
];

// --- starts, ends and the map -----------------------------------------------------------------------------------------

/** @param {SpanState} state @param {Words} words */
export function pictures(state, words) {
  const shown = { from: 0, to: Math.min(state.spans.n, ROOM) };
  const { el, main, over, draw } = spanCanvases(state, words, shown);
  const map = minimap(state, shown, draw);
  const name = h("strong", {}, "");
  return {
    el: h("div", {}, map.el, el, mapKey(state)),
    heading: stripHeading(state.ui, name),
    draw() {
      draw();
      map.draw();
    },
    name: () => nameStrips(state, name, main.el),
    point: over.draw,
    /** @param {number} token */
    include: token => map.include(token),
  };
}

/**
 * The picture, and above it what is selected and pointed at.
 *
 * @param {SpanState} state @param {Words} words @param {Shown} shown
 */
function spanCanvases(state, words, shown) {
  const layout = layoutOf(state);
  /** @param {number} width */
  const axisOf = width => new TokenAxis(shown.from, shown.to, width - 4, { left: GUTTER });
  /** @param {(state: SpanState, look: Look) => void} paint @returns {Paint} */
  const painter = paint => (context, width, _, colours) =>
    paint(state, { context, axis: axisOf(width), width, words, colours, ...layout });
  const canvases = layered(state.ui, {
    height: layout.height,
    paint: painter(paintPicture),
    mark: painter(paintPointed),
  });
  pointAtSpans(state, canvases.over, layout, axisOf);
  return canvases;
}

/**
 * Say what the strips show now.
 *
 * @param {SpanState} state @param {HTMLElement} name @param {HTMLElement} picture
 */
function nameStrips({ ui, spans }, name, picture) {
  const what = ui.get("scale");
  fill(name, `Start and end ${what}`);
  picture.setAttribute(
    "aria-label",
    `Start and end ${what} of ${fmt.count(spans.n, "token")}, and the map of all spans. ` +
      "All of it can be read token by token in the text above.",
  );
}

/** @typedef {ReturnType<typeof layoutOf>} Layout */
/**
 * What painters paint with, and what stands where.
 *
 * @typedef {Layout & { context: Context, axis: TokenAxis, width: number, words: Words, colours: Colours }} Look
 */

/** What stands where on the canvas, in pixels from its top, and the rows of the map. @param {SpanState} state */
function layoutOf(state) {
  const rows = rowsToShow(state),
    cell = rows > 20 ? 5 : rows > 10 ? 7 : 9;
  const laneTop = 24,
    zero = laneTop + LANE,
    laneEnd = zero + LANE;
  const mapTop = laneEnd + 12 + TAG * (state.view.rival === null ? 1 : 2);
  return { rows, cell, laneTop, zero, laneEnd, mapTop, height: mapTop + rows * cell + 4 };
}

/** What the map means. @param {SpanState} state */
function mapKey({ view }) {
  return h(
    "p",
    { class: "ql-note ql-key" },
    "In the map each cell is a span: under its first token, as deep as it is long, up to ",
    fmt.count(view.longest, "token"),
    ". The stronger its colour, the more probable (log scale). The outlined cell is the ",
    view.answer === null ? "best span, which was rejected." : "answer.",
  );
}

/** What the strips show, with the choices of it. @param {Ui} ui @param {HTMLElement} name */
function stripHeading(ui, name) {
  const scale = traitChoice(ui, "scale", "What the strips show", SCALES);
  const given = traitChoice(ui, "given_answer", "What the probabilities count", GIVEN);
  const starts = h("i", { class: "ql-swatch" }),
    ends = h("i", { class: "ql-swatch ql-c-end" });
  return h(
    "div",
    { class: "ql-h" },
    name,
    h("span", {}, "starts ", starts, " up, ends ", ends, " down"),
    h("span", { class: "ql-tools ql-push" }, scale, given),
  );
}

/**
 * The token or the span under the mouse; a click selects it.
 *
 * @param {SpanState} state @param {Canvas} over @param {Layout} layout @param {(width: number) => TokenAxis} axisOf
 */
function pointAtSpans(state, over, { rows, cell, mapTop }, axisOf) {
  const { ui, spans } = state;
  /** @param {MouseEvent} event @returns {SpanHover | null} */
  const at = event => {
    const [x, y] = pointer(event, over.el);
    const token = axisOf(over.width).at(x);
    if (token < 0) return null;
    if (y < mapTop) return { token };
    const row = Math.floor((y - mapTop) / cell);
    const span = row < rows ? spans.score(token, token + row) : null;
    return span === null ? null : { span };
  };
  ui.listen(over.el, "pointermove", event => state.point(at(event)));
  ui.listen(over.el, "pointerleave", () => state.point(null));
  ui.listen(over.el, "click", event => {
    const hit = at(event);
    if (hit !== null) state.select(hit.span ?? state.meant(hit.token));
  });
}

/**
 * Rows of the map down to the longest span that would be seen, so that no empty ones are drawn.
 *
 * @param {SpanState} state
 */
function rowsToShow({ spans }) {
  let most = 6;
  for (let t = 0; t < spans.n; t++) {
    // No span that starts here is more probable than the start itself.
    if (logShare(spans.starts[t]) < 0.04) continue;
    for (let k = most; k < spans.longest; k++) {
      const span = spans.score(t, t + k);
      if (span !== null && logShare(spans.given(span)) >= 0.04) most = k + 1;
    }
  }
  return Math.min(most, spans.longest);
}

/** Words, strips, named spans and the map, from the top down. @param {SpanState} state @param {Look} look */
function paintPicture(state, look) {
  paintWords(state, look);
  paintStrips(state, look);
  paintTags(state, look);
  paintMap(state, look);
}

/**
 * Some words of the text above the axis, so that an eye finds its way from the text to the bars.
 *
 * @param {SpanState} state @param {Look} look
 */
function paintWords({ spans }, { context, axis, width, words, laneTop, colours }) {
  const { begin, end, n } = spans;
  let free = axis.left;
  for (let t = axis.from; t < axis.to; t++) {
    const x = axis.x(t);
    if (x < free || !opensWord(spans, words, t)) continue;
    let last = t;
    while (last + 1 < n && begin[last + 1] === end[last] && !opensWord(spans, words, last + 1)) last += 1;
    const word = isolated(cutMiddle(words.slice(begin[t], end[last]), 16));
    const wide = context.measureText(word).width;
    if (x + wide > width) continue;
    context.fillStyle = colours.rule;
    context.fillRect(x, 15, 1, laneTop - 19);
    write(context, word, x, 8, colours.soft);
    free = x + Math.max(wide + 14, WORD);
  }
}

/**
 * Whether a token begins a word: after a gap, or anywhere in scripts that have none.
 *
 * @param {Spans} spans @param {Words} words @param {number} t
 */
function opensWord({ begin, end }, words, t) {
  const token = words.slice(begin[t], Math.min(end[t], begin[t] + 4));
  if (!/^[\p{L}\p{N}]/u.test(token)) return false;
  return (
    t === 0 ||
    begin[t] > end[t - 1] ||
    /^[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]/.test(token)
  );
}

/**
 * How high bars are: a value times `factor` stands on a line from `low` to `high`; `none` has the null token.
 *
 * @typedef {{ start: Float32Array, end: Float32Array, factor: number, low: number, high: number,
 *   none: SpanView["null"], said: (value: number) => string }} Scale
 */

/** From 0 to a round number above all that is drawn. @param {SpanState} state @param {TokenAxis} axis @returns {Scale} */
function chanceScale(state, axis) {
  const { starts: start, ends: end } = state.spans,
    factor = state.share();
  let top = 0;
  for (let t = axis.from; t < axis.to; t++) top = Math.max(top, factor * start[t], factor * end[t]);
  const high = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find(most => top <= most) ?? 1;
  return { start, end, factor, low: 0, high, none: null, said: String };
}

/**
 * From the smallest logit that is drawn to the largest.
 *
 * @param {SpanState} state @param {TokenAxis} axis @returns {Scale}
 */
function logitScale({ spans, view }, axis) {
  const start = spans.largest("start"),
    end = spans.largest("end"),
    none = view.null;
  const drawn = [start, end].flatMap(values => [...values.subarray(axis.from, axis.to)]);
  const seen = [...drawn, none?.start ?? NaN, none?.end ?? NaN].filter(Number.isFinite);
  let low = Math.min(...seen),
    high = Math.max(...seen);
  if (high <= low) [low, high] = [low - 1, low + 1];
  return { start, end, factor: 1, low, high, none, said: value => fmt.logit(value, 1) };
}

/** Starts as bars upwards, ends downwards. @param {SpanState} state @param {Look} look */
function paintStrips(state, look) {
  const { axis, zero, colours } = look;
  const scale = state.ui.get("scale") === "logits" ? logitScale(state, axis) : chanceScale(state, axis);
  paintLane(look, scale, "start", -1, colours.answer);
  paintLane(look, scale, "end", 1, colours.end);
  look.context.fillStyle = colours.rule;
  look.context.fillRect(axis.left, zero - 0.5, axis.right - axis.left, 1);
  writeBeside(look, scale.said(scale.high), zero - LANE + 4);
  writeBeside(look, scale.said(scale.low), zero);
  writeBeside(look, scale.said(scale.high), zero + LANE - 4);
}

/**
 * Bars, and the level of the null token as a broken line.
 *
 * @param {Look} look @param {Scale} scale @param {"start" | "end"} which @param {1 | -1} direction @param {string} colour
 */
function paintLane({ context, axis, zero, colours }, { factor, low, high, none, ...values }, which, direction, colour) {
  /** @param {number} value */
  const size = value => (LANE * (value - low)) / (high - low);
  const gap = axis.unit > 6 ? 1 : 0;
  context.fillStyle = colour;
  for (let t = axis.from; t < axis.to; t++) {
    const length = clamp(size(factor * values[which][t]), 0, LANE),
      tall = Math.max(1, length);
    if (length >= 0.15)
      context.fillRect(axis.x(t) + gap / 2, direction < 0 ? zero - tall : zero, Math.max(0.75, axis.unit - gap), tall);
  }
  const level = none?.[which] ?? NaN,
    y = zero + direction * size(level);
  if (!Number.isFinite(level)) return;
  strokeLine(context, [axis.left, y], [axis.right, y], { colour: colours.ink, dash: [5, 3] });
  write(context, "null token", axis.right - 2, y + 7 * direction, colours.soft, "right");
}

/** A label left of the axis. @param {Look} look @param {string} text @param {number} y */
function writeBeside({ context, axis, colours }, text, y) {
  write(context, text, axis.left - 6, y, colours.soft, "right");
}

/**
 * The chosen span and its strongest rival as lines below the lanes, each with its words.
 *
 * @param {SpanState} state @param {Look} look
 */
function paintTags({ view, spans }, look) {
  const { context, axis, laneEnd, colours } = look;
  /** @type {[Answer | null, string, number[]][]} */
  const tags = [
    [view.best, view.answer === null ? colours.none : colours.answer, []],
    [view.rival, colours.soft, [2.5, 2.5]],
  ];
  tags.forEach(([answer, colour, dash], row) => {
    const span = answer && spans.find(...answer.span);
    if (!answer || !span || span.j < axis.from || span.i >= axis.to) return;
    const left = Math.max(axis.left, axis.x(span.i)),
      right = Math.min(axis.right, axis.x(span.j + 1)),
      y = laneEnd + 8 + TAG * row;
    strokeLine(context, [left, y], [Math.max(right, left + 3), y], { colour, wide: 2.5, dash });
    writeTag(look, cutMiddle(answer.text, 40), [left, right], y + 11);
  });
}

/**
 * The words of a span under its line; where there is no room to the right of its start, they end where it ends.
 *
 * @param {Look} look @param {string} words @param {[number, number]} line @param {number} y
 */
function writeTag({ context, width, colours }, words, [left, right], y) {
  const wide = context.measureText(words).width;
  const flush = left + wide > width - 2;
  // The direction of a label is that of its own first letter, never that of the page.
  context.direction = /^[^A-Za-z\u00c0-\u024f]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(words) ? "rtl" : "ltr";
  write(context, isolated(words), flush ? Math.max(right, wide) : left, y, colours.ink, flush ? "right" : "left");
  context.direction = "ltr";
}

/** @param {SpanState} state @param {Look} look */
function paintMap(state, look) {
  const { view, spans } = state,
    { colours } = look;
  paintLengths(look);
  paintSpans(state, look);
  const best = view.best && spans.find(...view.best.span);
  if (best !== null) outline(look, best, view.answer === null ? colours.none : colours.ink, 1.5);
}

/** Lengths of spans beside the map, each with a line. @param {Look} look */
function paintLengths(look) {
  const { context, axis, mapTop, rows, cell } = look;
  for (let row = 0; row < rows; row += row === 0 ? 4 : 5) {
    const middle = mapTop + (row + 0.5) * cell;
    context.fillStyle = look.colours.rule;
    context.globalAlpha = 0.5;
    context.fillRect(axis.left, middle - 1, axis.right - axis.left, 1);
    context.globalAlpha = 1;
    writeBeside(look, String(row + 1), middle);
  }
  writeBeside(look, "length", mapTop - 12);
}

/** A cell for each span: first token across, length down. @param {SpanState} state @param {Look} look */
function paintSpans(state, { context, axis, mapTop, rows, cell, colours }) {
  const gap = axis.unit > 6 ? 1 : 0,
    wide = Math.max(0.75, axis.unit - gap),
    high = cell > 4 ? cell - 1 : cell;
  context.fillStyle = colours.answer;
  for (let t = axis.from; t < axis.to; t++) {
    for (let row = 0; row < rows; row++) {
      const span = state.spans.score(t, t + row);
      const depth = span === null ? 0 : logShare(state.probability(span));
      if (depth < 0.04) continue;
      context.globalAlpha = depth;
      context.fillRect(axis.x(t) + gap / 2, mapTop + row * cell, wide, high);
    }
  }
  context.globalAlpha = 1;
}

/** A frame around the cell of a span. @param {Look} look @param {Run} span @param {string} colour @param {number} wide */
function outline({ context, axis, mapTop, cell, rows }, { i, j }, colour, wide) {
  if (i < axis.from || i >= axis.to || j - i >= rows) return;
  context.strokeStyle = colour;
  context.lineWidth = wide;
  context.strokeRect(axis.x(i) - 0.5, mapTop + (j - i) * cell - 1, Math.max(3, axis.unit), cell + 1);
  context.lineWidth = 1;
}

/** What is pointed at and what is selected, over the picture. @param {SpanState} state @param {Look} look */
function paintPointed(state, look) {
  const { axis, colours } = look;
  paintChosen(state, look);
  const span = pointed(state);
  if (span === null) return;
  band(look, span, colours.soft, 0.2);
  const token = state.hover?.token;
  if (token !== undefined && token >= axis.from && token < axis.to) paintToken(look, token);
  outline(look, span, colours.none, 2);
}

/** @param {SpanState} state @param {Look} look */
function paintChosen(state, look) {
  const chosen = state.chosen();
  if (chosen === null) return;
  const { spans } = state,
    { span, range } = chosen,
    { ink } = look.colours;
  band(look, span ?? { i: spans.tokenFrom(range[0]), j: spans.tokenFrom(range[1] - 1) }, ink, 0.1);
  if (span !== null) outline(look, span, ink, 2.5);
}

/** A token starts the spans of one column and ends those of one diagonal. @param {Look} look @param {number} token */
function paintToken({ context, axis, mapTop, rows, cell, colours }, token) {
  const colour = colours.soft,
    top = mapTop - 1,
    high = rows * cell;
  context.strokeStyle = colour;
  context.globalAlpha = 0.6;
  context.strokeRect(axis.x(token) - 0.5, top, axis.unit, high);
  strokeLine(context, [axis.x(token) + axis.unit, top], [axis.x(token - rows + 1), mapTop + high], { colour });
  context.globalAlpha = 1;
}

/**
 * The tokens of a span over the lanes.
 *
 * @param {Look} look @param {Run} span @param {string} colour @param {number} alpha
 */
function band({ context, axis, laneTop, laneEnd }, { i, j }, colour, alpha) {
  const left = Math.max(axis.left, axis.x(i)),
    right = Math.min(axis.right, axis.x(j + 1));
  if (right <= left) return;
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.fillRect(left, laneTop, right - left, laneEnd - laneTop);
  context.globalAlpha = 1;
}

/**
 * The span under the pointer: a cell of the map, or the best span of a token.
 *
 * @param {SpanState} state @returns {Run | null}
 */
export function pointed(state) {
  if (state.hover === null) return null;
  return state.hover.span ?? state.spans.bestOf(state.hover.token);
}
