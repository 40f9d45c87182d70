// @ts-check
// The whole of a long text as a strip, and which of its tokens are drawn larger.

import { h } from "../dom.js";
import { clamp, fmt } from "../numbers.js";
import { logShare, mix } from "./canvas.js";

/** @import { Colours, Context, SpanState } from "../types" */

export const ROOM = 150; // tokens that one axis shows at a time

/**
 * Where in a long text the axis stands: a slider whose thumb frames the part that is drawn larger.
 *
 * @param {SpanState} state @param {{ from: number, to: number }} shown @param {(middle?: number) => void} moved
 */
export function minimap(state, shown, moved) {
  const { ui, spans } = state;
  if (spans.n <= ROOM) return { el: null, draw() {}, include() {} };
  const size = () => shown.to - shown.from;
  /** @param {number} from */
  const put = (from, tokens = size()) => {
    shown.from = Math.round(clamp(from, 0, spans.n - tokens));
    shown.to = shown.from + tokens;
    slider.thumb.style.setProperty("--wide", `${(100 * tokens) / spans.n}%`);
  };
  const slider = ui.slider({
    label: "Part of the text that is drawn",
    min: 0,
    max: spans.n - size(),
    step: 1,
    page: size(),
    value: 0,
    share: () => size() / spans.n,
    text: from => `tokens ${fmt.whole(from + 1)} to ${fmt.whole(from + size())} of ${fmt.whole(spans.n)}`,
    input: from => {
      put(from);
      moved(shown.from + (size() >> 1));
    },
  });
  slider.el.classList.add("ql-frame");
  const picture = ui.canvas({ label: "", height: 26, paint: (...rest) => paintWhole(state, ...rest) });
  picture.el.setAttribute("aria-hidden", "true");
  slider.track.append(picture.el);
  put(0);
  /** @param {number} factor */
  const zoom = factor => {
    const middle = (shown.from + shown.to) / 2,
      tokens = Math.round(clamp(size() * factor, 20, Math.min(spans.n, 600)));
    put(middle - tokens / 2, tokens);
    slider.limit(0, spans.n - tokens);
    slider.set(shown.from);
    moved();
  };
  return {
    el: h("div", { class: "ql-whole" }, wholeHeading(state, zoom), slider.el),
    draw: picture.draw,
    /** @param {number} token */
    include(token) {
      if (token < shown.from || token >= shown.to) put(token - size() / 2);
      slider.set(shown.from);
      moved();
    },
  };
}

/**
 * How long the text is, and buttons for more or fewer tokens.
 *
 * @param {SpanState} state @param {(factor: number) => void} zoom
 */
function wholeHeading({ ui, view, spans }, zoom) {
  const windows = view.windows.length > 1 ? ` in ${view.windows.length} windows` : "";
  return h(
    "div",
    { class: "ql-h" },
    `The whole text: ${fmt.count(spans.n, "token")}${windows}`,
    h(
      "span",
      { class: "ql-tools ql-push" },
      ui.button("−", () => zoom(1.6), { small: true, name: "Show more tokens" }),
      ui.button("+", () => zoom(1 / 1.6), { small: true, name: "Show fewer tokens" }),
    ),
  );
}

/**
 * The whole text as a strip: where an answer starts, and below it the windows.
 *
 * @param {SpanState} state @param {Context} context @param {number} width @param {number} height
 * @param {Colours} colours
 */
function paintWhole(state, context, width, height, colours) {
  const { spans, view } = state;
  const strip = view.windows.length > 1 ? height - 9 : height;
  /** @param {number} t */
  const x = t => (width * t) / spans.n;
  const bins = Math.max(1, Math.floor(width / 3)),
    mass = new Float32Array(bins);
  for (let t = 0; t < spans.n; t++) mass[Math.floor((bins * t) / spans.n)] += state.share() * spans.starts[t];
  context.fillStyle = colours.field;
  context.fillRect(0, 0, width, strip);
  mass.forEach((p, k) => {
    const depth = logShare(p, 3);
    if (depth < 0.04) return;
    context.fillStyle = mix(colours.field, colours.answer, depth);
    context.fillRect((width * k) / bins, 0, width / bins, strip);
  });
  if (view.windows.length === 1) return;
  context.strokeStyle = colours.soft;
  spans.windows.forEach(({ first, last }, w) => {
    const y = strip + 3 + 4 * (w % 2);
    context.beginPath();
    context.moveTo(x(first) + 0.5, y);
    context.lineTo(x(last) - 0.5, y);
    context.stroke();
  });
}
