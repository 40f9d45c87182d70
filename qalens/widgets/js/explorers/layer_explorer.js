// @ts-check
// A model's inside: what its head would say after each layer, where, and which attention heads that hangs on.

import { append, fill, h, said } from "../dom.js";
import { below, headline } from "../headline.js";
import { clamp, fmt } from "../numbers.js";
import { mount, pickable, title } from "../parts.js";
import { mix, TokenAxis } from "../pictures/canvas.js";
import { GUTTER, headMap } from "../pictures/head_map.js";
import { Prose } from "../pictures/prose.js";
import { pointer } from "../ui.js";
import { lastAtMost, pairs, Words } from "../words.js";

/** @import { Colours, Context, Stretch, TraceState, TraceView, TraceWindow } from "../types" */
/** @import { Ui } from "../ui.js" */

const TITLE = 18; // pixels above a map
const FOOT = 40; // pixels below the maps of tokens, for what stands where
const NEAR = 100; // tokens around the best span

/** The numbers of a trace, by layer and token. */
export class Trace {
  /** @param {Ui} ui */
  constructor(ui) {
    this.ui = ui;
    /** @type {TraceView} */
    this.view = ui.get("view");
    this.layers = this.view.layers;
    const tokens = pairs(ui.ints("places"));
    this.n = tokens.begin.length;
    this.begin = tokens.begin;
    this.end = tokens.end;
    this.inclusion = ui.floats("inclusion");
    this.edges = ui.floats("edges");
    this.words = new Words(this.view.context);
    let at = 0;
    /** @type {TraceWindow[]} */
    this.windows = this.view.windows.map(window => {
      const found = { ...window, at };
      at += 2 * this.layers.length * window.length;
      return found;
    });
  }
  /** @returns {number} */
  get layer() {
    return this.ui.get("layer");
  }
  get window() {
    return this.windows.find(one => one.number === this.ui.get("window")) ?? this.windows[0];
  }
  /** The probability to be in the answer of every token of the text, at a layer. @param {number} layer */
  within(layer) {
    return this.inclusion.subarray(layer * this.n, (layer + 1) * this.n);
  }
  /**
   * The probability of a token of the window as a start (0) or an end (1), at a layer.
   *
   * @param {number} which @param {number} layer @param {number} place
   */
  edge(which, layer, place) {
    const { at, length } = this.window;
    return this.edges[at + (which * this.layers.length + layer) * length + place];
  }
  /** The token of the text at a place of the window, or -1; and the other way round. @param {number} place */
  token(place) {
    const { place: first, count, first: number } = this.window;
    return place >= first && place < first + count ? number + place - first : -1;
  }
  /** @param {number} token */
  placeOf(token) {
    const { place, count, first } = this.window;
    return token >= first && token < first + count ? place + token - first : -1;
  }
  /** What stands at a place of the window. @param {number} place */
  name(place) {
    const token = this.token(place);
    return token < 0 ? (this.window.others[place] ?? "") : this.words.slice(this.begin[token], this.end[token]);
  }
  /**
   * The places in the window of the first and last token of a stretch of characters, or null.
   *
   * @param {Stretch | null} span @returns {[number, number] | null}
   */
  placesOf(span) {
    if (span === null || this.n === 0) return null;
    const first = this.placeOf(lastAtMost(this.begin, span[0])),
      last = this.placeOf(lastAtMost(this.begin, span[1] - 1));
    return first < 0 || last < 0 ? null : [first, last];
  }
}

/** @param {Ui} ui */
export function explore(ui) {
  const trace = new Trace(ui);
  /** @type {TraceState} */
  const state = { ui, trace, pointed: null, point() {} };
  append(ui.root, [headline(trace.view.head), below(trace.view.head)]);
  const text = passage(state),
    list = layerList(state),
    maps = tokenMaps(state),
    heads = headMap(state);
  append(ui.root, [text.el, list.el, maps.el, heads.el]);
  text.hover = token => state.point(token === null || trace.placeOf(token) < 0 ? null : trace.placeOf(token));
  state.point = (place, layer = trace.layer) => {
    state.pointed = place;
    text.point(place === null ? -1 : trace.token(place));
    maps.point(place, layer);
  };
  const show = () => {
    text.show();
    list.show();
    maps.point(state.pointed);
  };
  ui.on("layer", () => {
    show();
    ui.say(list.words());
  });
  ui.on("window", maps.redraw);
  for (const name of ["found", "shown", "target", "by"]) ui.on(name, heads.show);
  ui.on("status", heads.tell);
  show();
  heads.show();
}

// --- the text at a layer ----------------------------------------------------------------------------------------------

/** @param {TraceState} state */
function passage({ ui, trace }) {
  const { view } = trace;
  const about = h("span", {}),
    legend = h("div", { class: "ql-legend" });
  /** @type {{ last: number, hover?: (token: number | null) => void }} */
  const state = { last: -1 };
  const prose = new Prose(ui, {
    text: trace.words,
    begin: trace.begin,
    end: trace.end,
    label: "The text, token by token",
    tall: 300,
    describe: t =>
      `${trace.words.slice(trace.begin[t], trace.end[t])}, in the answer at ${trace.layers[trace.layer].name} ${fmt.probability(trace.within(trace.layer)[t])}`,
    hover: t => state.hover?.(t),
    pick: (a, b) => ui.set("selected", [trace.begin[a], trace.end[b]]),
    key: event => {
      if (event.key === "Escape" && ui.get("selected") !== null) {
        ui.set("selected", null);
        return true;
      }
      const step = { "-": -1, "+": 1 }[event.key];
      if (step !== undefined) ui.set("layer", clamp(trace.layer + step, 0, trace.layers.length - 1));
      return step !== undefined;
    },
  });
  const el = h("section", {}, title("Text", about), prose.el, legend);
  prose.home = view.best === null ? 0 : Math.max(0, lastAtMost(trace.begin, view.best[0]));
  /** @param {Stretch | null} a @param {Stretch | null} b */
  const same = (a, b) => a !== null && b !== null && a[0] === b[0] && a[1] === b[1];
  const show = () => {
    const row = trace.layers[trace.layer],
      last = trace.layer === trace.layers.length - 1;
    about.textContent = last
      ? " as the whole model reads it"
      : ` as if the model ended after ${row.name === "embeddings" ? "the embeddings" : row.name}`;
    prose.shade(trace.within(trace.layer));
    prose.mark("best", row.answered && row.span !== null ? [row.span] : []);
    prose.mark("rejected", !row.answered && row.span !== null ? [row.span] : []);
    const other = view.best !== null && !same(view.best, row.span);
    prose.mark("rival", other && view.best !== null ? [view.best] : []);
    fill(
      legend,
      h(
        "span",
        {},
        "0 ",
        h("i", { class: "ql-ramp ql-ramp-pale" }),
        " 1 probability of being in the answer, if there is one",
      ),
      row.span === null
        ? null
        : h(
            "span",
            { class: row.answered ? "ql-mark-best" : "ql-mark-rejected" },
            row.answered ? "best span here" : "best span here, rejected",
          ),
      other
        ? h("span", { class: "ql-mark-rival" }, view.answered ? "the answer in the end" : "best span in the end")
        : null,
    );
  };
  const mark = () => {
    /** @type {Stretch | null} */
    const selected = ui.get("selected");
    prose.mark("selected", Array.isArray(selected) ? [selected] : []);
  };
  ui.on("selected", mark);
  mark();
  /** @param {number} token */
  const point = token => {
    if (token === state.last) return;
    state.last = token;
    prose.mark("pointed", token < 0 ? [] : [[trace.begin[token], trace.end[token]]]);
  };
  ui.frame(() => prose.reveal(prose.home))();
  return {
    el,
    show,
    point,
    /** @param {(token: number | null) => void} hear */
    set hover(hear) {
      state.hover = hear;
    },
  };
}

// --- layer by layer ---------------------------------------------------------------------------------------------------

/** @param {TraceState} state */
function layerList({ ui, trace }) {
  const el = h("div", {}, trace.view.table.map(mount));
  /** @param {number} k */
  const turn = k => ui.set("layer", k);
  const { rows, mark } = pickable(ui, el, { label: "Layers", take: turn, move: turn });
  return { el, show: () => mark(trace.layer), words: () => rows[trace.layer].getAttribute("aria-label") ?? "" };
}

// --- starts and ends by layer and token -------------------------------------------------------------------------------

/** @param {TraceState} state */
function tokenMaps(state) {
  const { ui, trace } = state;
  const rows = trace.layers.length;
  const cell = clamp(Math.floor(190 / rows), 6, 12);
  const high = rows * cell;
  const tops = [TITLE, 2 * TITLE + high + 6];
  const height = tops[1] + high + FOOT;
  let near = false,
    /** @type {TokenAxis | null} */
    axis = null,
    /** @type {{ place: number | null, layer: number }} */
    cursor = { place: null, layer: 0 };
  /** @returns {[number, number]} */
  const stretch = () => {
    const { length } = trace.window,
      found = near ? trace.placesOf(trace.view.best) : null;
    if (found === null || length <= NEAR) return [0, length];
    const from = clamp(Math.floor((found[0] + found[1] - NEAR) / 2), 0, length - NEAR);
    return [from, from + NEAR];
  };
  const canvas = ui.canvas({
    label: "The probability of each token as a start, and as an end, in every layer",
    height,
    paint: (context, width, _, colours) => {
      axis = new TokenAxis(...stretch(), width, { left: GUTTER, widest: 26 });
      paintMaps(context, trace, { axis, tops, cell, colours });
    },
  });
  const over = ui.canvas({
    label: "",
    height,
    paint: (context, _width, _, colours) => {
      if (axis !== null) paintCursor(context, trace, { axis, tops, cell, colours, cursor });
    },
  });
  over.el.classList.add("ql-over");
  over.el.setAttribute("aria-hidden", "true");
  const stack = h(
    "div",
    {
      class: "ql-map",
      tabindex: 0,
      role: "application",
      "aria-label":
        "Map of starts and ends by layer and token. Left and right move over the tokens, up and down over the layers.",
    },
    canvas.el,
    over.el,
  );
  const line = h("p", { class: "ql-readout" });
  const words = () => {
    const { place, layer } = cursor;
    if (place === null) return null;
    return `${trace.layers[layer].name}: start ${fmt.probability(trace.edge(0, layer, place))}, end ${fmt.probability(trace.edge(1, layer, place))}`;
  };
  /** @param {number | null} place */
  const point = (place, layer = trace.layer) => {
    cursor = { place, layer };
    over.draw();
    fill(
      line,
      place === null
        ? "Point at a token, here or in the text; a click chooses the layer."
        : ["“", said(trace.name(place)), "” at ", h("b", {}, words())],
    );
  };
  /** @param {MouseEvent} event */
  const at = event => {
    const [px, py] = pointer(event, canvas.el);
    const row = tops.map(top => Math.floor((py - top) / cell)).find(r => r >= 0 && r < rows);
    const place = axis === null ? -1 : axis.at(px);
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
  ui.listen(stack, "focus", () => {
    if (state.pointed === null) state.point(trace.placesOf(trace.view.best)?.[0] ?? 0);
  });
  ui.listen(stack, "blur", () => state.point(null));
  ui.listen(stack, "keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [from, to] = stretch(),
      place = state.pointed ?? from;
    const across = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: from, End: to - 1 }[event.key];
    const along = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
    if (across === undefined && along === undefined) return;
    event.preventDefault();
    if (along !== undefined) ui.set("layer", clamp(trace.layer + along, 0, rows - 1));
    state.point(across === undefined ? place : clamp(across, from, to - 1));
    ui.say(`${trace.name(state.pointed ?? place)}, ${words()}`);
  });
  const redraw = () => {
    canvas.draw();
    state.point(null);
  };
  const zoom = ui.choice({
    label: "Tokens that are drawn",
    options: [
      ["all", "whole window"],
      ["near", "around the best span"],
    ],
    value: "all",
    change: value => {
      near = value === "near";
      redraw();
    },
  });
  const chooser = trace.windows.length > 1 ? windowChoice(ui, trace) : null;
  const long = trace.windows.some(one => one.length > NEAR) && trace.view.best !== null;
  const el = h(
    "section",
    {},
    title(
      "Starts and ends",
      "by layer, down, and token, across: what the head gives to each token",
      h("span", { class: "ql-push ql-tools" }, chooser, long ? zoom.el : null),
    ),
    stack,
    line,
    h(
      "div",
      { class: "ql-legend" },
      h("span", {}, "start 0 ", h("i", { class: "ql-ramp ql-ramp-start" }), " 1"),
      h("span", {}, "end 0 ", h("i", { class: "ql-ramp ql-ramp-end" }), " 1"),
      h("span", {}, "shades follow the square root, so that small ones are seen"),
    ),
  );
  return { el, point, redraw };
}

/** The window whose tokens are drawn, one step at a time. @param {Ui} ui @param {Trace} trace */
function windowChoice(ui, trace) {
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

/**
 * @param {Context} context @param {Trace} trace
 * @param {{ axis: TokenAxis, tops: number[], cell: number, colours: Colours }} options
 */
function paintMaps(context, trace, { axis, tops, cell, colours }) {
  const rows = trace.layers.length,
    high = rows * cell;
  [
    ["start", "answer"],
    ["end", "end"],
  ].forEach(([name, hue], which) => {
    const top = tops[which];
    context.textBaseline = "alphabetic";
    context.textAlign = "left";
    context.fillStyle = colours[hue];
    context.fillText(name, axis.left, top - 5);
    context.fillStyle = colours.field;
    context.fillRect(axis.left, top, axis.right - axis.left, high);
    context.fillStyle = colours.soft;
    context.textAlign = "right";
    context.textBaseline = "middle";
    const every = Math.ceil(11 / cell);
    for (let row = 0; row < rows; row += every) context.fillText(String(row), axis.left - 6, top + (row + 0.5) * cell);
    for (let row = 0; row < rows; row++) {
      for (let t = axis.from; t < axis.to; t++) {
        const p = trace.edge(which, row, t);
        if (p < 0.001) continue;
        context.fillStyle = mix(colours.field, colours[hue], Math.sqrt(p));
        context.fillRect(axis.x(t), top + row * cell, Math.max(1, axis.unit - (axis.unit > 6 ? 1 : 0)), cell - 1);
      }
    }
  });
  paintFoot(context, trace, axis, tops[1] + high + 6, colours);
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

/**
 * @param {Context} context @param {Trace} trace
 * @param {{ axis: TokenAxis, tops: number[], cell: number, colours: Colours,
 * cursor: { place: number | null, layer: number } }} options
 */
function paintCursor(context, trace, { axis, tops, cell, colours, cursor }) {
  const rows = trace.layers.length;
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.5;
  for (const top of tops) {
    context.strokeRect(axis.left - 0.5, top + trace.layer * cell - 0.5, axis.right - axis.left + 1, cell);
  }
  const { place, layer } = cursor;
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
