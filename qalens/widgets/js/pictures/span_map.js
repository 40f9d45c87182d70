// @ts-check
// The tokens of one reading as starts and ends, and all its spans as a map under them.

import { fill, h } from "../dom.js";
import { fmt } from "../numbers.js";
import { pointer } from "../ui.js";
import { cutMiddle } from "../words.js";
import { logShare, paintBand, paintBars, TokenAxis } from "./canvas.js";
import { minimap, ROOM } from "./token_minimap.js";

/** @import { Answer, Canvas, Colours, Context, Run, SpanHover, SpanState } from "../types" */
/** @import { Spans } from "./spans.js" */
/** @import { Ui } from "../ui.js" */
/** @import { Words } from "../words.js" */

const GUTTER = 44; // pixels left of an axis, for its labels
const LANE = 40; // pixels of the start lane, and of the end lane
const TAG = 22; // pixels of one named span between the lanes and the map
const WORD = 74; // pixels from one word over the axis to the next

// --- starts, ends and the map -----------------------------------------------------------------------------------------

/** @param {SpanState} state @param {Words} words */
export function pictures(state, words) {
  const { ui, spans } = state;
  const shown = { from: 0, to: Math.min(spans.n, ROOM) };
  const layout = layoutOf(state);
  /** @param {number} width */
  const axisOf = width => new TokenAxis(shown.from, shown.to, width - 4, { left: GUTTER });
  const main = ui.canvas({
    label: "",
    height: layout.height,
    paint: (context, width, _, colours) =>
      paintPicture(context, axisOf(width), state, { words, layout, colours, width }),
  });
  const over = ui.canvas({
    label: "",
    height: layout.height,
    paint: (context, width, _, colours) => paintPointed(context, axisOf(width), state, { ...layout, colours }),
  });
  over.el.setAttribute("aria-hidden", "true");
  over.el.classList.add("ql-over");
  const map = minimap(state, shown, middle => {
    main.draw();
    over.draw();
    if (middle !== undefined) state.reveal(middle);
  });
  const el = h("div", {}, map.el, h("div", { class: "ql-stack" }, main.el, over.el), mapKey(state));
  pointAtSpans(state, over, layout, axisOf);
  const title = h("strong", {}, "");
  return {
    el,
    heading: stripHeading(ui, title),
    draw() {
      main.draw();
      over.draw();
      map.draw();
    },
    name() {
      const what = ui.get("scale") === "logits" ? "logits" : "probability";
      fill(title, `Start and end ${what}`);
      main.el.setAttribute(
        "aria-label",
        `Start and end ${what} of ${fmt.count(spans.n, "token")}, and the map of all spans. ` +
          "All of it can be read token by token in the text above.",
      );
    },
    point: () => over.draw(),
    /** @param {number} token */
    include: token => map.include(token),
  };
}

/** @typedef {ReturnType<typeof layoutOf>} Layout */

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

/** What the strips show, with the choices of it. @param {Ui} ui @param {HTMLElement} title */
function stripHeading(ui, title) {
  const scale = ui.choice({
    label: "What the strips show",
    options: [
      ["probability", "probability"],
      ["logits", "logits"],
    ],
    value: ui.get("scale"),
    change: value => ui.set("scale", value),
  });
  const given = ui.choice({
    label: "What the probabilities count",
    options: [
      [true, "if answered"],
      [false, "with no answer"],
    ],
    value: ui.get("given_answer"),
    change: value => ui.set("given_answer", value),
  });
  ui.on("scale", () => scale.set(ui.get("scale")));
  ui.on("given_answer", () => given.set(ui.get("given_answer")));
  return h(
    "div",
    { class: "ql-h" },
    title,
    h(
      "span",
      {},
      "starts ",
      h("i", { class: "ql-swatch" }),
      " up, ends ",
      h("i", { class: "ql-swatch ql-c-end" }),
      " down",
    ),
    h("span", { class: "ql-tools ql-push" }, scale.el, given.el),
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
 * @param {{ words: Words, layout: Layout, colours: Colours, width: number }} options
 */
function paintPicture(context, axis, state, { words, layout, colours, width }) {
  const { laneTop, zero, laneEnd, mapTop, rows, cell } = layout;
  const paintStrips = state.ui.get("scale") === "logits" ? paintLogits : paintLanes;
  paintWords(context, axis, state, { words, y: 8, bottom: laneTop - 4, colours, width });
  paintStrips(context, axis, state, { zero, lane: LANE, colours });
  paintTags(context, axis, state, { top: laneEnd + 8, colours, width });
  paintMap(context, axis, state, { top: mapTop, rows, cell, colours });
}

/**
 * @param {Context} context @param {string} text @param {number} x @param {number} y @param {string} colour
 * @param {CanvasTextAlign} [align]
 */
function label(context, text, x, y, colour, align = "left") {
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(text, x, y);
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
    const word = isolate(cutMiddle(words.slice(begin[t], end[last]), 16));
    const wide = context.measureText(word).width;
    if (axis.x(t) + wide > width) continue;
    context.fillStyle = colours.rule;
    context.fillRect(axis.x(t), y + 7, 1, bottom - y - 7);
    label(context, word, axis.x(t), y, colours.soft);
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
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state
 * @param {{ zero: number, lane: number, colours: Colours }} options
 */
function paintLanes(context, axis, state, { zero, lane, colours }) {
  const { spans } = state,
    share = state.share();
  let top = 0;
  for (let t = axis.from; t < axis.to; t++) top = Math.max(top, share * spans.starts[t], share * spans.ends[t]);
  const most = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find(m => top <= m) ?? 1;
  /** @type {[Float32Array, number, string][]} */
  const lanes = [
    [spans.starts, -1, colours.answer],
    [spans.ends, 1, colours.end],
  ];
  for (const [values, direction, colour] of lanes) {
    paintBars(context, axis, t => share * values[t], { y: zero, high: lane, most, colour, direction });
  }
  frameLanes(context, axis, { zero, lane, colours, up: String(most), down: String(most), middle: "0" });
}

/**
 * Logits as bars from the smallest that is shown; the level of the null token is a broken line.
 *
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state
 * @param {{ zero: number, lane: number, colours: Colours }} options
 */
function paintLogits(context, axis, state, { zero, lane, colours }) {
  const { spans, view } = state;
  /** @type {["start" | "end", number, string][]} */
  const lanes = [
    ["start", -1, colours.answer],
    ["end", 1, colours.end],
  ];
  const [low, high] = logitRange(axis, state);
  for (const [which, direction, colour] of lanes) {
    const values = spans.largest(which);
    paintBars(context, axis, t => Math.max(0, values[t] - low), {
      y: zero,
      high: lane,
      most: high - low,
      colour,
      direction,
    });
    const level = view.null?.[which] ?? NaN;
    if (Number.isFinite(level)) {
      const y = zero + (direction * lane * (level - low)) / (high - low);
      context.strokeStyle = colours.ink;
      context.setLineDash([5, 3]);
      context.beginPath();
      context.moveTo(axis.left, y);
      context.lineTo(axis.right, y);
      context.stroke();
      context.setLineDash([]);
      label(context, "null token", axis.right - 2, y + 7 * direction, colours.soft, "right");
    }
  }
  frameLanes(context, axis, {
    zero,
    lane,
    colours,
    up: fmt.logit(high, 1),
    down: fmt.logit(high, 1),
    middle: fmt.logit(low, 1),
  });
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
 * @param {Context} context @param {TokenAxis} axis
 * @param {{ zero: number, lane: number, colours: Colours, up: string, down: string, middle: string }} options
 */
function frameLanes(context, axis, { zero, lane, colours, up, down, middle }) {
  context.fillStyle = colours.rule;
  context.fillRect(axis.left, zero - 0.5, axis.right - axis.left, 1);
  label(context, up, axis.left - 6, zero - lane + 4, colours.soft, "right");
  label(context, middle, axis.left - 6, zero, colours.soft, "right");
  label(context, down, axis.left - 6, zero + lane - 4, colours.soft, "right");
}

/**
 * The chosen span and its strongest rival as lines below the lanes, each with its words.
 *
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state
 * @param {{ top: number, colours: Colours, width: number }} options
 */
function paintTags(context, axis, state, { top, colours, width }) {
  const { view, spans } = state;
  const answered = view.answer !== null;
  /** @type {[Answer | null, string, number[]][]} */
  const tags = [[view.best, answered ? colours.answer : colours.none, []]];
  if (view.rival) tags.push([view.rival, colours.soft, [2.5, 2.5]]);
  tags.forEach(([answer, colour, dash], row) => {
    if (answer === null) return;
    const span = spans.find(...answer.span);
    if (span === null || span.j < axis.from || span.i >= axis.to) return;
    const left = Math.max(axis.left, axis.x(span.i)),
      right = Math.min(axis.right, axis.x(span.j + 1));
    const y = top + TAG * row;
    context.strokeStyle = colour;
    context.lineWidth = 2.5;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(Math.max(right, left + 3), y);
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
    const words = cutMiddle(answer.text, 40);
    const wide = context.measureText(words).width;
    const flush = left + wide > width - 2;
    // The direction of a label is that of its own first letter, never that of the page.
    context.direction = /^[^A-Za-z\u00c0-\u024f]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(words) ? "rtl" : "ltr";
    label(context, isolate(words), flush ? Math.max(right, wide) : left, y + 11, colours.ink, flush ? "right" : "left");
    context.direction = "ltr";
  });
}

/** Text without controls of the writing direction, for canvases. @param {string} text */
function isolate(text) {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/**
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state
 * @param {{ top: number, rows: number, cell: number, colours: Colours }} options
 */
function paintMap(context, axis, state, { top, rows, cell, colours }) {
  const { spans, view } = state;
  /** @param {number} i @param {number} length */
  const share = (i, length) => {
    const span = spans.score(i, i + length - 1);
    return span === null ? 0 : logShare(state.probability(span));
  };
  for (let row = 0; row < rows; row += row === 0 ? 4 : 5) {
    context.fillStyle = colours.rule;
    context.globalAlpha = 0.5;
    context.fillRect(axis.left, top + (row + 0.5) * cell - 1, axis.right - axis.left, 1);
    context.globalAlpha = 1;
    label(context, String(row + 1), axis.left - 6, top + (row + 0.5) * cell, colours.soft, "right");
  }
  label(context, "length", axis.left - 6, top - 12, colours.soft, "right");
  paintBand(context, axis, { y: top, rows, cell, share, colours });
  const best = view.best && spans.find(...view.best.span);
  if (best !== null)
    outline(context, axis, best, {
      top,
      cell,
      rows,
      colour: view.answer === null ? colours.none : colours.ink,
      wide: 1.5,
    });
}

/**
 * @param {Context} context @param {TokenAxis} axis @param {Run} span
 * @param {{ top: number, cell: number, rows: number, colour: string, wide: number }} options
 */
function outline(context, axis, span, { top, cell, rows, colour, wide }) {
  const row = span.j - span.i;
  if (span.i < axis.from || span.i >= axis.to || row >= rows) return;
  context.strokeStyle = colour;
  context.lineWidth = wide;
  context.strokeRect(axis.x(span.i) - 0.5, top + row * cell - 1, Math.max(3, axis.unit), cell + 1);
  context.lineWidth = 1;
}

/**
 * What is pointed at and what is selected, over the picture.
 *
 * @param {Context} context @param {TokenAxis} axis @param {SpanState} state
 * @param {{ laneTop: number, laneEnd: number, mapTop: number, rows: number, cell: number, colours: Colours }} options
 */
function paintPointed(context, axis, state, { laneTop, laneEnd, mapTop, rows, cell, colours }) {
  const { spans } = state;
  const chosen = state.chosen();
  if (chosen !== null) {
    const [i, j] =
      chosen.span === null
        ? [spans.tokenFrom(chosen.range[0]), spans.tokenFrom(chosen.range[1] - 1)]
        : [chosen.span.i, chosen.span.j];
    band(context, axis, i, j, { top: laneTop, bottom: laneEnd, colour: colours.ink, alpha: 0.1 });
    if (chosen.span !== null)
      outline(context, axis, chosen.span, { top: mapTop, cell, rows, colour: colours.ink, wide: 2.5 });
  }
  const span = pointed(state);
  if (span === null) return;
  band(context, axis, span.i, span.j, { top: laneTop, bottom: laneEnd, colour: colours.soft, alpha: 0.2 });
  const token = state.hover?.token;
  if (token !== undefined && token >= axis.from && token < axis.to) {
    // A token starts the spans of one column and ends those of one diagonal.
    context.strokeStyle = colours.soft;
    context.globalAlpha = 0.6;
    context.strokeRect(axis.x(token) - 0.5, mapTop - 1, axis.unit, rows * cell);
    context.beginPath();
    context.moveTo(axis.x(token) + axis.unit, mapTop - 1);
    context.lineTo(axis.x(token - rows + 1), mapTop + rows * cell);
    context.stroke();
    context.globalAlpha = 1;
  }
  outline(context, axis, span, { top: mapTop, cell, rows, colour: colours.none, wide: 2 });
}

/**
 * @param {Context} context @param {TokenAxis} axis @param {number} i @param {number} j
 * @param {{ top: number, bottom: number, colour: string, alpha: number }} options
 */
function band(context, axis, i, j, { top, bottom, colour, alpha }) {
  const left = Math.max(axis.left, axis.x(i)),
    right = Math.min(axis.right, axis.x(j + 1));
  if (right <= left) return;
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.fillRect(left, top, right - left, bottom - top);
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
