// @ts-check
// Starts and ends by layer and token: what the head of a model gives to each token after each layer.

import { fill, h, said } from "../dom.js";
import { clamp, fmt } from "../numbers.js";
import { title } from "../parts.js";
import { pointer } from "../ui.js";
import { mix, TokenAxis } from "./canvas.js";
import { GUTTER, pointedMap } from "./head_map.js";

/** @import { Trace } from "../explorers/layer_explorer.js" */
/** @import { Colours, Context, TraceState } from "../types" */
/** @import { Ui } from "../ui.js" */

const TITLE = 18; // pixels above a map
const FOOT = 40; // pixels below the maps of tokens, for what stands where
const NEAR = 100; // tokens around the best span

/**
 * The two maps on their canvas: the place of each and the size of a row, in pixels; whether only tokens near the best span
 * are drawn, on which axis, once they were; and the place and the layer that are pointed at.
 *
 * @typedef {{ trace: Trace, rows: number, cell: number, tops: [number, number], near: boolean, axis: TokenAxis | null,
 *   place: number | null, layer: number }} Maps
 */

/** @param {TraceState} state */
export function tokenMaps(state) {
  const { ui, trace } = state;
  const maps = mapsOf(trace);
  const height = maps.tops[1] + maps.rows * maps.cell + FOOT;
  const canvas = ui.canvas({
    label: "The probability of each token as a start, and as an end, in every layer",
    height,
    paint: (context, width, _, colours) => {
      maps.axis = new TokenAxis(...stretchOf(maps), width, { left: GUTTER, widest: 26 });
      paintMaps(context, maps, maps.axis, colours);
    },
  });
  const over = ui.canvas({
    label: "",
    height,
    paint: (context, _width, _, colours) => {
      if (maps.axis !== null) paintCursor(context, maps, maps.axis, colours);
    },
  });
  const stack = pointedMap(
    canvas,
    over,
    "Map of starts and ends by layer and token. Left and right move over the tokens, up and down over the layers.",
  );
  const line = h("p", { class: "ql-readout" });
  /** @param {number | null} place */
  const point = (place, layer = trace.layer) => {
    Object.assign(maps, { place, layer });
    over.draw();
    fill(
      line,
      place === null
        ? "Point at a token, here or in the text; a click chooses the layer."
        : ["“", said(trace.name(place)), "” at ", h("b", {}, edgeWords(maps))],
    );
  };
  pointAtTokens(state, maps, stack);
  walkTokens(state, maps, stack);
  const redraw = () => {
    canvas.draw();
    state.point(null);
  };
  const tools = h("span", { class: "ql-push ql-tools" }, windowChoice(ui, trace), nearChoice(ui, maps, redraw));
  const about = "by layer, down, and token, across: what the head gives to each token";
  const el = h("section", {}, title("Starts and ends", about, tools), stack, line, mapsLegend());
  return { el, point, redraw };
}

/** @param {Trace} trace @returns {Maps} */
function mapsOf(trace) {
  const rows = trace.layers.length,
    cell = clamp(Math.floor(190 / rows), 6, 12);
  return {
    trace,
    rows,
    cell,
    tops: [TITLE, 2 * TITLE + rows * cell + 6],
    near: false,
    axis: null,
    place: null,
    layer: 0,
  };
}

/** The places of the window that are drawn. @param {Maps} maps @returns {[number, number]} */
function stretchOf({ trace, near }) {
  const { length } = trace.window,
    found = near ? trace.placesOf(trace.view.best) : null;
  if (found === null || length <= NEAR) return [0, length];
  const from = clamp(Math.floor((found[0] + found[1] - NEAR) / 2), 0, length - NEAR);
  return [from, from + NEAR];
}

/** Start and end of the token that is pointed at. @param {Maps} maps */
function edgeWords({ trace, place, layer }) {
  if (place === null) return null;
  return `${trace.layers[layer].name}: start ${fmt.probability(trace.edge(0, layer, place))}, end ${fmt.probability(trace.edge(1, layer, place))}`;
}

function mapsLegend() {
  return h(
    "div",
    { class: "ql-legend" },
    h("span", {}, "start 0 ", h("i", { class: "ql-ramp ql-ramp-start" }), " 1"),
    h("span", {}, "end 0 ", h("i", { class: "ql-ramp ql-ramp-end" }), " 1"),
    h("span", {}, "shades follow the square root, so that small ones are seen"),
  );
}

// --- what is pointed at -----------------------------------------------------------------------------------------------

/**
 * The token and the layer under the mouse; a click chooses the layer.
 *
 * @param {TraceState} state @param {Maps} maps @param {HTMLElement} stack
 */
function pointAtTokens(state, maps, stack) {
  const { ui, trace } = state;
  /** @param {MouseEvent} event */
  const at = event => {
    const [px, py] = pointer(event, stack);
    const row = maps.tops.map(top => Math.floor((py - top) / maps.cell)).find(r => r >= 0 && r < maps.rows);
    const place = maps.axis === null ? -1 : maps.axis.at(px);
    return place < 0 ? null : { place, row: row ?? null };
  };
  ui.listen(stack, "pointermove", event => {
    const found = at(event);
    if (found === null) state.point(null);
    else state.point(found.place, found.row ?? trace.layer);
  });
  ui.listen(stack, "pointerleave", () => state.point(null));
  ui.listen(stack, "click", event => {
    const found = at(event);
    if (found === null) return;
    if (found.row !== null) ui.set("layer", found.row);
    state.point(found.place);
  });
}

/**
 * Keys move over the tokens, and choose the layer.
 *
 * @param {TraceState} state @param {Maps} maps @param {HTMLElement} stack
 */
function walkTokens(state, maps, stack) {
  const { ui, trace } = state;
  ui.listen(stack, "focus", () => {
    if (state.pointed === null) state.point(trace.placesOf(trace.view.best)?.[0] ?? 0);
  });
  ui.listen(stack, "blur", () => state.point(null));
  ui.listen(stack, "keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [from, to] = stretchOf(maps),
      place = state.pointed ?? from;
    const across = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: from, End: to - 1 }[event.key];
    const along = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
    if (across === undefined && along === undefined) return;
    event.preventDefault();
    if (along !== undefined) ui.set("layer", clamp(trace.layer + along, 0, maps.rows - 1));
    state.point(across === undefined ? place : clamp(across, from, to - 1));
    ui.say(`${trace.name(state.pointed ?? place)}, ${edgeWords(maps)}`);
  });
}

// --- what is drawn ----------------------------------------------------------------------------------------------------

/**
 * The whole window, or only tokens around the best span; nothing where that is all the same.
 *
 * @param {Ui} ui @param {Maps} maps @param {() => void} redraw
 */
function nearChoice(ui, maps, redraw) {
  const { trace } = maps;
  if (trace.view.best === null || !trace.windows.some(one => one.length > NEAR)) return null;
  const choice = ui.choice({
    label: "Tokens that are drawn",
    options: [
      ["all", "whole window"],
      ["near", "around the best span"],
    ],
    value: "all",
    change: value => {
      maps.near = value === "near";
      redraw();
    },
  });
  return choice.el;
}

/** The window whose tokens are drawn, one step at a time. @param {Ui} ui @param {Trace} trace */
function windowChoice(ui, trace) {
  if (trace.windows.length < 2) return null;
  const words = h("span", {}),
    show = () => {
      words.textContent = `window ${trace.window.number + 1} of ${trace.view.many}`;
    };
  /** @param {number} by */
  const step = by => () => {
    const at = clamp(trace.windows.indexOf(trace.window) + by, 0, trace.windows.length - 1);
    ui.set("window", trace.windows[at].number);
  };
  ui.on("window", show);
  show();
  return [
    ui.button("‹", step(-1), { small: true, name: "Window before" }),
    words,
    ui.button("›", step(1), { small: true, name: "Next window" }),
  ];
}

// --- paint ------------------------------------------------------------------------------------------------------------

/** @param {Context} context @param {Maps} maps @param {TokenAxis} axis @param {Colours} colours */
function paintMaps(context, maps, axis, colours) {
  const { trace, rows, cell, tops } = maps;
  const hues = ["answer", "end"],
    every = Math.ceil(11 / cell);
  ["start", "end"].forEach((name, which) => {
    const top = tops[which],
      hue = colours[hues[which]];
    context.textBaseline = "alphabetic";
    context.textAlign = "left";
    context.fillStyle = hue;
    context.fillText(name, axis.left, top - 5);
    context.fillStyle = colours.field;
    context.fillRect(axis.left, top, axis.right - axis.left, rows * cell);
    context.fillStyle = colours.soft;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let row = 0; row < rows; row += every) context.fillText(String(row), axis.left - 6, top + (row + 0.5) * cell);
    for (let row = 0; row < rows; row++) {
      for (let t = axis.from; t < axis.to; t++) {
        const p = trace.edge(which, row, t);
        if (p < 0.001) continue;
        context.fillStyle = mix(colours.field, hue, Math.sqrt(p));
        context.fillRect(axis.x(t), top + row * cell, Math.max(1, axis.unit - (axis.unit > 6 ? 1 : 0)), cell - 1);
      }
    }
  });
  paintFoot(context, trace, axis, tops[1] + rows * cell + 6, colours);
}

/**
 * Which part of the axis is the question, which the text, and where the best span stands.
 *
 * @param {Context} context @param {Trace} trace @param {TokenAxis} axis @param {number} y @param {Colours} colours
 */
function paintFoot(context, trace, axis, y, colours) {
  const { asked, place, count } = trace.window;
  /** @param {number} from @param {number} to @param {string} name @param {number} row @param {string} colour */
  const bracket = (from, to, name, row, colour) => {
    const a = axis.x(clamp(from, axis.from, axis.to)),
      b = axis.x(clamp(to, axis.from, axis.to));
    if (b <= a) return;
    context.fillStyle = colour;
    context.fillRect(a, y + 15 * row, Math.max(2, b - a - 1), row === 0 ? 1 : 2.5);
    context.textBaseline = "top";
    const wide = context.measureText(name).width;
    context.textAlign = "left";
    context.fillText(
      name,
      clamp(row === 0 ? a : (a + b - wide) / 2, axis.left, Math.max(axis.left, axis.right - wide)),
      y + 15 * row + 4,
    );
  };
  context.save();
  bracket(...asked, axis.x(asked[1]) - axis.x(asked[0]) > 50 ? "question" : "", 0, colours.soft);
  bracket(place, place + count, "text", 0, colours.soft);
  const best = trace.placesOf(trace.view.best);
  if (best !== null) {
    const text = trace.view.text ?? "";
    const name = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    bracket(best[0], best[1] + 1, name, 1.2, colours.ink);
  }
  context.restore();
}

/** @param {Context} context @param {Maps} maps @param {TokenAxis} axis @param {Colours} colours */
function paintCursor(context, { trace, rows, cell, tops, place, layer }, axis, colours) {
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.5;
  for (const top of tops) {
    context.strokeRect(axis.left - 0.5, top + trace.layer * cell - 0.5, axis.right - axis.left + 1, cell);
  }
  if (place === null || place < axis.from || place >= axis.to) return;
  context.fillStyle = colours.ink;
  for (const top of tops) {
    const x = axis.x(place) + axis.unit / 2;
    context.globalAlpha = 0.35;
    context.fillRect(x - 0.5, top, 1, rows * cell);
    context.globalAlpha = 1;
    context.strokeRect(axis.x(place) - 1, top + layer * cell - 1, Math.max(4, axis.unit + 1), cell + 1);
  }
}
