// @ts-check
// The tokens of one reading as starts and ends, and all its spans as a map under them.

import { fill, h } from "../dom.js";
import { fmt } from "../numbers.js";
import { pointer } from "../ui.js";
import { cutMiddle } from "../words.js";
import { isolated, layered, logShare, paintBand, paintBars, strokeLine, TokenAxis, write } from "./canvas.js";
import { minimap, ROOM } from "./token_minimap.js";
import { traitChoice } from "./trait_choice.js";

/** @import { Answer, Canvas, Colours, Context, Run, SpanHover, SpanState } from "../types" */
/** @import { Spans } from "./spans.js" */
/** @import { Shown } from "./text_frame.js" */
/** @import { Ui } from "../ui.js" */
/** @import { Words } from "../words.js" */

const GUTTER = 44; // pixels left of an axis, for its labels
const LANE = 40; // pixels of the start lane, and of the end lane
const TAG = 22; // pixels of one named span between the lanes and the map
const WORD = 74; // pixels from one word over the axis to the next
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
    include: map.include,
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
  const canvases = layered(state.ui, {
    height: layout.height,
    paint: (context, width, _, colours) =>
      paintPicture(context, axisOf(width), state, { words, width, ...layout, colours }),
    mark: (context, width, _, colours) => paintPointed(context, axisOf(width), state, { ...layout, colours }),
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
  const what = ui.get("scale") === "logits" ? "logits" : "probability";
  fill(name, `Start and end ${what}`);
  picture.setAttribute(
    "aria-label",
    `Start and end ${what} of ${fmt.count(spans.n, "token")}, and the map of all spans. ` +
      "All of it can be read token by token in the text above.",
  );
}

/** @typedef {ReturnType<typeof layoutOf>} Layout */
/** @typedef {Layout & { colours: Colours }} Look  What stands where, and the colours of the theme. */

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

/**
 * Words, strips, named spans and the map, from the top down.
 *
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state
 * @param {Look & { words: Words, width: number }} options
 */
function paintPicture(context, axis, state, { words, width, ...look }) {
  const { laneTop, laneEnd, colours } = look;
  const paintStrips = state.ui.get("scale") === "logits" ? paintLogits : paintLanes;
  paintWords(context, axis, state, { words, y: 8, bottom: laneTop - 4, colours, width });
  paintStrips(context, axis, state, look);
  paintTags(context, axis, state, { top: laneEnd + 8, colours, width });
  paintMap(context, axis, state, look);
}

/**
 * Some words of the text above the axis, so that an eye finds its way from the text to the bars.
 *
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state
 * @param {{ words: Words, y: number, bottom: number, colours: Colours, width: number }} options
 */
function paintWords(context, axis, state, { words, y, bottom, colours, width }) {
  const { begin, end, n } = state.spans;
  let free = axis.left;
  for (let t = axis.from; t < axis.to; t++) {
    if (axis.x(t) < free || !opensWord(state.spans, words, t)) continue;
    let last = t;
    while (last + 1 < n && begin[last + 1] === end[last] && !opensWord(state.spans, words, last + 1)) last += 1;
    const word = isolated(cutMiddle(words.slice(begin[t], end[last]), 16));
    const wide = context.measureText(word).width;
    if (axis.x(t) + wide > width) continue;
    context.fillStyle = colours.rule;
    context.fillRect(axis.x(t), y + 7, 1, bottom - y - 7);
    write(context, word, axis.x(t), y, colours.soft);
    free = axis.x(t) + Math.max(wide + 14, WORD);
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
 * The lane of starts, upwards, and that of ends, downwards.
 *
 * @param {Colours} colours @returns {["start" | "end", number, string][]}
 */
function lanesIn(colours) {
  return [
    ["start", -1, colours.answer],
    ["end", 1, colours.end],
  ];
}

/** @param {Context} context @param {TokenAxis} axis @param {SpanState} state @param {Look} look */
function paintLanes(context, axis, state, { zero, colours }) {
  const values = { start: state.spans.starts, end: state.spans.ends },
    share = state.share();
  let top = 0;
  for (let t = axis.from; t < axis.to; t++) top = Math.max(top, share * values.start[t], share * values.end[t]);
  const most = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find(m => top <= m) ?? 1;
  for (const [which, direction, colour] of lanesIn(colours)) {
    paintBars(context, axis, t => share * values[which][t], { y: zero, high: LANE, most, colour, direction });
  }
  frameLanes(context, axis, { zero, colours, end: String(most), middle: "0" });
}

/**
 * Logits as bars from the smallest that is shown; the level of the null token is a broken line.
 *
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state @param {Look} look
 */
function paintLogits(context, axis, state, { zero, colours }) {
  const [low, high] = logitRange(axis, state),
    most = high - low;
  for (const [which, direction, colour] of lanesIn(colours)) {
    const values = state.spans.largest(which);
    paintBars(context, axis, t => Math.max(0, values[t] - low), { y: zero, high: LANE, most, colour, direction });
    const level = state.view.null?.[which] ?? NaN;
    if (!Number.isFinite(level)) continue;
    const y = zero + (direction * LANE * (level - low)) / most;
    strokeLine(context, [axis.left, y], [axis.right, y], { colour: colours.ink, dash: [5, 3] });
    write(context, "null token", axis.right - 2, y + 7 * direction, colours.soft, "right");
  }
  frameLanes(context, axis, { zero, colours, end: fmt.logit(high, 1), middle: fmt.logit(low, 1) });
}

/**
 * The smallest and the largest logit that is drawn, with those of the null token.
 *
 * @param {TokenAxis} axis @param {SpanState} state @returns {[number, number]}
 */
function logitRange(axis, { spans, view }) {
  let low = Infinity,
    high = -Infinity;
  /** @type {["start", "end"]} */
  const edges = ["start", "end"];
  for (const which of edges) {
    const drawn = spans.largest(which).subarray(axis.from, axis.to);
    for (const value of [...drawn, view.null?.[which] ?? NaN]) {
      if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  return high > low ? [low, high] : [low - 1, low + 1];
}

/**
 * The line between the lanes, and what is at it and at both ends.
 *
 * @param {Context} context @param {TokenAxis} axis
 * @param {{ zero: number, colours: Colours, end: string, middle: string }} options
 */
function frameLanes(context, axis, { zero, colours, end, middle }) {
  context.fillStyle = colours.rule;
  context.fillRect(axis.left, zero - 0.5, axis.right - axis.left, 1);
  write(context, end, axis.left - 6, zero - LANE + 4, colours.soft, "right");
  write(context, middle, axis.left - 6, zero, colours.soft, "right");
  write(context, end, axis.left - 6, zero + LANE - 4, colours.soft, "right");
}

/**
 * The chosen span and its strongest rival as lines below the lanes, each with its words.
 *
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state
 * @param {{ top: number, colours: Colours, width: number }} options
 */
function paintTags(context, axis, { view, spans }, { top, colours, width }) {
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
      y = top + TAG * row;
    strokeLine(context, [left, y], [Math.max(right, left + 3), y], { colour, wide: 2.5, dash });
    writeTag(context, cutMiddle(answer.text, 40), { left, right, y: y + 11, colour: colours.ink, width });
  });
}

/**
 * The words of a span under its line; where there is no room to the right of its start, they end where it ends.
 *
 * @param {Context} context @param {string} words
 * @param {{ left: number, right: number, y: number, colour: string, width: number }} options
 */
function writeTag(context, words, { left, right, y, colour, width }) {
  const wide = context.measureText(words).width;
  const flush = left + wide > width - 2;
  // The direction of a label is that of its own first letter, never that of the page.
  context.direction = /^[^A-Za-z\u00c0-\u024f]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(words) ? "rtl" : "ltr";
  write(context, isolated(words), flush ? Math.max(right, wide) : left, y, colour, flush ? "right" : "left");
  context.direction = "ltr";
}

/** @param {Context} context @param {TokenAxis} axis @param {SpanState} state @param {Look} look */
function paintMap(context, axis, state, look) {
  const { mapTop, rows, cell, colours } = look,
    { spans, view } = state;
  paintLengths(context, axis, look);
  /** @param {number} i @param {number} length */
  const share = (i, length) => {
    const span = spans.score(i, i + length - 1);
    return span === null ? 0 : logShare(state.probability(span));
  };
  paintBand(context, axis, { y: mapTop, rows, cell, share, colours });
  const best = view.best && spans.find(...view.best.span);
  if (best !== null)
    outline(context, axis, best, look, { colour: view.answer === null ? colours.none : colours.ink, wide: 1.5 });
}

/** Lengths of spans beside the map, each with a line. @param {Context} context @param {TokenAxis} axis @param {Look} look */
function paintLengths(context, axis, { mapTop, rows, cell, colours }) {
  for (let row = 0; row < rows; row += row === 0 ? 4 : 5) {
    const middle = mapTop + (row + 0.5) * cell;
    context.fillStyle = colours.rule;
    context.globalAlpha = 0.5;
    context.fillRect(axis.left, middle - 1, axis.right - axis.left, 1);
    context.globalAlpha = 1;
    write(context, String(row + 1), axis.left - 6, middle, colours.soft, "right");
  }
  write(context, "length", axis.left - 6, mapTop - 12, colours.soft, "right");
}

/**
 * A frame around the cell of a span.
 *
 * @param {Context} context @param {TokenAxis} axis @param {Run} span @param {Look} look
 * @param {{ colour: string, wide: number }} options
 */
function outline(context, axis, span, { mapTop, cell, rows }, { colour, wide }) {
  const row = span.j - span.i;
  if (span.i < axis.from || span.i >= axis.to || row >= rows) return;
  context.strokeStyle = colour;
  context.lineWidth = wide;
  context.strokeRect(axis.x(span.i) - 0.5, mapTop + row * cell - 1, Math.max(3, axis.unit), cell + 1);
  context.lineWidth = 1;
}

/**
 * What is pointed at and what is selected, over the picture.
 *
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state @param {Look} look
 */
function paintPointed(context, axis, state, look) {
  const { colours } = look;
  paintChosen(context, axis, state, look);
  const span = pointed(state);
  if (span === null) return;
  band(context, axis, span, look, { colour: colours.soft, alpha: 0.2 });
  const token = state.hover?.token;
  if (token !== undefined && token >= axis.from && token < axis.to) paintToken(context, axis, token, look);
  outline(context, axis, span, look, { colour: colours.none, wide: 2 });
}

/** @param {Context} context @param {TokenAxis} axis @param {SpanState} state @param {Look} look */
function paintChosen(context, axis, state, look) {
  const chosen = state.chosen();
  if (chosen === null) return;
  const { spans } = state,
    [start, end] = chosen.range,
    colour = look.colours.ink;
  const run = chosen.span ?? { i: spans.tokenFrom(start), j: spans.tokenFrom(end - 1) };
  band(context, axis, run, look, { colour, alpha: 0.1 });
  if (chosen.span !== null) outline(context, axis, chosen.span, look, { colour, wide: 2.5 });
}

/**
 * A token starts the spans of one column and ends those of one diagonal.
 *
 * @param {Context} context @param {TokenAxis} axis @param {number} token @param {Look} look
 */
function paintToken(context, axis, token, { mapTop, rows, cell, colours }) {
  const colour = colours.soft,
    high = rows * cell;
  context.strokeStyle = colour;
  context.globalAlpha = 0.6;
  context.strokeRect(axis.x(token) - 0.5, mapTop - 1, axis.unit, high);
  strokeLine(context, [axis.x(token) + axis.unit, mapTop - 1], [axis.x(token - rows + 1), mapTop + high], { colour });
  context.globalAlpha = 1;
}

/**
 * The tokens of a span over the lanes.
 *
 * @param {Context} context @param {TokenAxis} axis @param {Run} span @param {Look} look
 * @param {{ colour: string, alpha: number }} options
 */
function band(context, axis, { i, j }, { laneTop, laneEnd }, { colour, alpha }) {
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
