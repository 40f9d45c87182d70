// @ts-check
// The whole of a long text with its windows, and which of its tokens are drawn larger.

import { fill, h } from "../dom.js";
import { clamp, fmt } from "../numbers.js";
import { strokeLine } from "./canvas.js";
import { binsOn, paintBins, TextFrame } from "./text_frame.js";

/** @import { Child, Colours, Context, SpanState } from "../types" */
/** @import { Shown } from "./text_frame.js" */

// Tokens that one axis shows at a time.
export const ROOM = 150;

/**
 * Where in a long text the axis stands: a slider whose thumb frames the part that is drawn larger.
 *
 * @param {SpanState} state @param {Shown} shown @param {() => void} draw
 */
export function minimap(state, shown, draw) {
  const { ui, spans } = state;
  if (spans.n <= ROOM) return { el: null, draw() {}, include() {} };
  const frame = new TextFrame(ui, {
    shown,
    unit: "tokens",
    page: ROOM,
    length: () => spans.n,
    paint: (...canvas) => paintWhole(state, ...canvas),
    moved: middle => {
      draw();
      if (middle !== undefined) state.reveal(middle);
    },
  });
  frame.put(0);
  fill(frame.heading, wholeHeading(state, frame));
  return frame;
}

/**
 * How long the text is, and buttons for more or fewer tokens.
 *
 * @param {SpanState} state @param {TextFrame} frame @returns {Child}
 */
function wholeHeading({ ui, view, spans }, frame) {
  const windows = view.windows.length > 1 ? ` in ${view.windows.length} windows` : "";
  return [
    `The whole text: ${fmt.count(spans.n, "token")}${windows}`,
    h(
      "span",
      { class: "ql-tools ql-push" },
      ui.button("−", () => zoom(frame, 1.6), { small: true, name: "Show more tokens" }),
      ui.button("+", () => zoom(frame, 1 / 1.6), { small: true, name: "Show fewer tokens" }),
    ),
  ];
}

/** Show so many times as many tokens around the same middle. @param {TextFrame} frame @param {number} factor */
function zoom(frame, factor) {
  const { from, to } = frame.shown;
  const tokens = Math.round(clamp(frame.size * factor, 20, Math.min(frame.length(), 600)));
  frame.resize((from + to) / 2 - tokens / 2, tokens);
}

/**
 * The whole text as a strip: where an answer starts, and below it the windows.
 *
 * @param {SpanState} state @param {Context} context @param {number} width @param {number} height
 * @param {Colours} colours
 */
function paintWhole(state, context, width, height, colours) {
  const { n, starts, windows } = state.spans;
  const high = windows.length > 1 ? height - 9 : height;
  const mass = new Float32Array(binsOn(width));
  for (let t = 0; t < n; t++) mass[Math.floor((mass.length * t) / n)] += state.share() * starts[t];
  context.fillStyle = colours.field;
  context.fillRect(0, 0, width, high);
  paintBins(context, mass, { y: 0, width, high, hue: colours.answer, colours });
  if (windows.length === 1) return;
  // By turns on two lines, since windows overlap.
  windows.forEach(({ first, last }, w) => {
    const y = high + 3 + 4 * (w % 2);
    strokeLine(context, [(width * first) / n + 0.5, y], [(width * last) / n - 0.5, y], { colour: colours.soft });
  });
}
