// @ts-check
// Starts and ends by layer and token: what the head of a model gives to each token after each layer.

import { fill, h, said } from "../dom.js";
import { clamp, fmt } from "../numbers.js";
import { title } from "../parts.js";
import { pointer } from "../ui.js";
import { layered, mix, TokenAxis, write } from "./canvas.js";
import { GUTTER, hearKeys, pointedMap } from "./head_map.js";

/** @import { Trace } from "../explorers/layer_explorer.js" */
/** @import { Child, Colours, Context, Paint, Stretch, TraceState } from "../types" */
/** @import { Ui } from "../ui.js" */

const TITLE = 18; // pixels above a map
const FOOT = 40; // pixels below the maps of tokens, for what stands where
const NEAR = 100; // tokens around the best span
const MAPS_LABEL =
  "Map of starts and ends by layer and token. Left and right move over the tokens, up and down over the layers.";
/** @type {[boolean, string][]} */
const STRETCHES = [
  [false, "whole window"],
  [true, "around the best span"],
];

/**
 * The two maps on their canvas: the place of each and the size of a row, in pixels; whether only tokens near the best span
 * are drawn, on which axis, once they were; and the place and the layer that are pointed at.
 *
 * @typedef {{ trace: Trace, rows: number, cell: number, tops: [number, number], near: boolean, axis: TokenAxis | null,
 *   place: number | null, layer: number }} Maps
 */

/** @param {TraceState} state */
export function tokenMaps(state) {
  const maps = mapsOf(state.trace);
  const { el: map, main, over } = mapCanvases(state, maps);
  const line = h("p", { class: "ql-readout" });
  /** @param {number | null} place */
  const point = (place, layer = maps.trace.layer) => {
    Object.assign(maps, { place, layer });
    over.draw();
    fill(line, edgeReadout(maps));
  };
  const redraw = () => {
    main.draw();
    state.point(null);
  };
  return { el: h("section", {}, mapsTitle(state.ui, maps, redraw), map, line, mapsLegend()), point, redraw };
}

/** Both maps, and above them what is pointed at. @param {TraceState} state @param {Maps} maps */
function mapCanvases(state, maps) {
  const canvases = {
    label: "The probability of each token as a start, and as an end, in every layer",
    height: maps.tops[1] + maps.rows * maps.cell + FOOT,
    /** @type {Paint} */
    paint: (context, width, _, colours) => {
      maps.axis = new TokenAxis(...stretchOf(maps), width, { left: GUTTER, widest: 26 });
      paintMaps(context, maps, maps.axis, colours);
    },
    /** @type {Paint} */
    mark: (context, _width, _, colours) => {
      if (maps.axis !== null) paintCursor(context, maps, maps.axis, colours);
    },
  };
  const stack = layered(state.ui, canvases, pointedMap(MAPS_LABEL));
  pointAtTokens(state, maps, stack.el);
  walkTokens(state, maps, stack.el);
  return stack;
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

/** @param {Maps} maps @returns {Child} */
function edgeReadout(maps) {
  const { trace, place } = maps;
  if (place === null) return "Point at a token, here or in the text; a click chooses the layer.";
  return ["“", said(trace.name(place)), "” at ", h("b", {}, edgeWords(maps))];
}

/** What the maps show, with the choices of it. @param {Ui} ui @param {Maps} maps @param {() => void} redraw */
function mapsTitle(ui, maps, redraw) {
  const tools = h("span", { class: "ql-push ql-tools" }, windowChoice(ui, maps.trace), nearChoice(ui, maps, redraw));
  return title("Starts and ends", "by layer, down, and token, across: what the head gives to each token", tools);
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
 * @param {TraceState} state @param {Maps} maps @param {HTMLElement} map
 */
function pointAtTokens(state, maps, map) {
  const { ui, trace } = state;
  ui.listen(map, "pointermove", event => {
    const found = cellAt(maps, pointer(event, map));
    if (found === null) state.point(null);
    else state.point(found.place, found.row ?? trace.layer);
  });
  ui.listen(map, "pointerleave", () => state.point(null));
  ui.listen(map, "click", event => {
    const found = cellAt(maps, pointer(event, map));
    if (found === null) return;
    if (found.row !== null) ui.set("layer", found.row);
    state.point(found.place);
  });
}

/** The token and the row at a place of the maps, or null. @param {Maps} maps @param {[number, number]} place */
function cellAt({ axis, tops, rows, cell }, [x, y]) {
  const row = tops.map(top => Math.floor((y - top) / cell)).find(r => r >= 0 && r < rows),
    place = axis === null ? -1 : axis.at(x);
  return place < 0 ? null : { place, row: row ?? null };
}

/**
 * Keys move over the tokens, and choose the layer.
 *
 * @param {TraceState} state @param {Maps} maps @param {HTMLElement} map
 */
function walkTokens(state, maps, map) {
  const { ui, trace } = state;
  ui.listen(map, "focus", () => {
    if (state.pointed === null) state.point(trace.placesOf(trace.view.best)?.[0] ?? 0);
  });
  ui.listen(map, "blur", () => state.point(null));
  hearKeys(ui, map, key => {
    const [from, to] = stretchOf(maps),
      place = state.pointed ?? from;
    const across = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: from, End: to - 1 }[key];
    const along = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (across === undefined && along === undefined) return false;
    if (along !== undefined) ui.set("layer", clamp(trace.layer + along, 0, maps.rows - 1));
    state.point(across === undefined ? place : clamp(across, from, to - 1));
    ui.say(`${trace.name(state.pointed ?? place)}, ${edgeWords(maps)}`);
    return true;
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
    options: STRETCHES,
    value: false,
    change: near => {
      maps.near = near;
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
  paintEdgeMap(context, maps, axis, { which: 0, name: "start", hue: colours.answer, colours });
  paintEdgeMap(context, maps, axis, { which: 1, name: "end", hue: colours.end, colours });
  paintFoot(context, trace, axis, tops[1] + rows * cell + 6, colours);
}

/**
 * One of the maps under its name, the layers numbered from 0.
 *
 * @param {Context} context @param {Maps} maps @param {TokenAxis} axis
 * @param {{ which: 0 | 1, name: string, hue: string, colours: Colours }} options
 */
function paintEdgeMap(context, maps, axis, { which, name, hue, colours }) {
  const { rows, cell } = maps,
    top = maps.tops[which];
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.fillStyle = hue;
  context.fillText(name, axis.left, top - 5);
  context.fillStyle = colours.field;
  context.fillRect(axis.left, top, axis.right - axis.left, rows * cell);
  for (let row = 0; row < rows; row += Math.ceil(11 / cell)) {
    write(context, String(row), axis.left - 6, top + (row + 0.5) * cell, colours.soft, "right");
  }
  paintCells(context, maps, axis, { which, hue, colours });
}

/**
 * @param {Context} context @param {Maps} maps @param {TokenAxis} axis
 * @param {{ which: 0 | 1, hue: string, colours: Colours }} options
 */
function paintCells(context, { trace, rows, cell, tops }, axis, { which, hue, colours }) {
  const wide = Math.max(1, axis.unit - (axis.unit > 6 ? 1 : 0));
  for (let row = 0; row < rows; row++) {
    for (let t = axis.from; t < axis.to; t++) {
      const p = trace.edge(which, row, t);
      if (p < 0.001) continue;
      context.fillStyle = mix(colours.field, hue, Math.sqrt(p));
      context.fillRect(axis.x(t), tops[which] + row * cell, wide, cell - 1);
    }
  }
}

/**
 * Which part of the axis is the question, which the text, and where the best span stands.
 *
 * @param {Context} context @param {Trace} trace @param {TokenAxis} axis @param {number} y @param {Colours} colours
 */
function paintFoot(context, trace, axis, y, colours) {
  const { asked, place, count } = trace.window,
    room = axis.x(asked[1]) - axis.x(asked[0]);
  context.save();
  context.fillStyle = colours.soft;
  bracket(context, axis, asked, room > 50 ? "question" : "", y);
  bracket(context, axis, [place, place + count], "text", y);
  const best = trace.placesOf(trace.view.best);
  if (best !== null) {
    const text = trace.view.text ?? "";
    context.fillStyle = colours.ink;
    bracket(context, axis, [best[0], best[1] + 1], text.length > 40 ? `${text.slice(0, 40)}…` : text, y + 18, true);
  }
  context.restore();
}

/**
 * A line below some tokens with a name under it; that of a span is thick, its name in the middle.
 *
 * @param {Context} context @param {TokenAxis} axis @param {Stretch} tokens @param {string} name @param {number} y
 */
function bracket(context, axis, [from, to], name, y, span = false) {
  const a = axis.x(clamp(from, axis.from, axis.to)),
    b = axis.x(clamp(to, axis.from, axis.to));
  if (b <= a) return;
  context.fillRect(a, y, Math.max(2, b - a - 1), span ? 2.5 : 1);
  const wide = context.measureText(name).width,
    last = Math.max(axis.left, axis.right - wide);
  context.textBaseline = "top";
  context.textAlign = "left";
  context.fillText(name, clamp(span ? (a + b - wide) / 2 : a, axis.left, last), y + 4);
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
