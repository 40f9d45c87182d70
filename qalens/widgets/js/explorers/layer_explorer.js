// @ts-check
// A model's inside: what its head would say after each layer, where, and which attention heads that hangs on.

import { append, fill, h } from "../dom.js";
import { below, headline } from "../headline.js";
import { clamp, fmt } from "../numbers.js";
import { mount, pickable, title } from "../parts.js";
import { headMap } from "../pictures/head_map.js";
import { Prose } from "../pictures/prose.js";
import { tokenMaps } from "../pictures/token_maps.js";
import { letGo, markSelection } from "../selection.js";
import { lastAtMost, pairs, Words } from "../words.js";

/** @import { Child, Stretch, TraceState, TraceView, TraceWindow } from "../types" */
/** @import { Ui } from "../ui.js" */

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
  state.point = (place, layer = trace.layer) => {
    state.pointed = place;
    text.point(place === null ? -1 : trace.token(place));
    maps.point(place, layer);
  };
  connect(state, { text, list, maps, heads });
}

/**
 * Let the parts follow the layer, the window, and what was found of the heads.
 *
 * @param {TraceState} state
 * @param {{ text: ReturnType<typeof passage>, list: ReturnType<typeof layerList>, maps: ReturnType<typeof tokenMaps>,
 *   heads: ReturnType<typeof headMap> }} parts
 */
function connect(state, { text, list, maps, heads }) {
  const { ui } = state;
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
function passage(state) {
  const { ui, trace } = state,
    about = h("span", {}),
    legend = h("div", { class: "ql-legend" });
  const prose = tokenProse(state);
  markSelection(ui, prose);
  ui.frame(() => prose.reveal(prose.home))();
  const show = () => {
    about.textContent = asReadAt(trace);
    prose.shade(trace.within(trace.layer));
    markSpans(prose, trace);
    fill(legend, textLegend(trace));
  };
  /** @param {number} token */
  const point = token => prose.mark("pointed", token < 0 ? [] : [[trace.begin[token], trace.end[token]]]);
  return { el: h("section", {}, title("Text", about), prose.el, legend), show, point };
}

/** @param {TraceState} state */
function tokenProse(state) {
  const { ui, trace } = state,
    { best } = trace.view;
  const prose = new Prose(ui, {
    text: trace.words,
    begin: trace.begin,
    end: trace.end,
    label: "The text, token by token",
    tall: 300,
    describe: t => tokenWords(trace, t),
    hover: t => state.point(t === null || trace.placeOf(t) < 0 ? null : trace.placeOf(t)),
    pick: (a, b) => ui.set("selected", [trace.begin[a], trace.end[b]]),
    key: event => layerKey(ui, trace, event.key),
  });
  prose.home = best === null ? 0 : Math.max(0, lastAtMost(trace.begin, best[0]));
  return prose;
}

/** @param {Trace} trace @param {number} t */
function tokenWords(trace, t) {
  const { words, begin, end, layers, layer } = trace;
  return `${words.slice(begin[t], end[t])}, in the answer at ${layers[layer].name} ${fmt.probability(trace.within(layer)[t])}`;
}

/**
 * Keys of the text: Escape lets go of what is selected, − and + choose the layer. Whether it was one of them.
 *
 * @param {Ui} ui @param {Trace} trace @param {string} key
 */
function layerKey(ui, trace, key) {
  if (letGo(ui, key)) return true;
  const step = { "-": -1, "+": 1 }[key];
  if (step !== undefined) ui.set("layer", clamp(trace.layer + step, 0, trace.layers.length - 1));
  return step !== undefined;
}

/** @param {Trace} trace */
function asReadAt({ layers, layer }) {
  if (layer === layers.length - 1) return " as the whole model reads it";
  const { name } = layers[layer];
  return ` as if the model ended after ${name === "embeddings" ? "the embeddings" : name}`;
}

/**
 * The best span of the whole model where it is another than that of the layer, else null.
 *
 * @param {Trace} trace
 */
function bestInTheEnd({ view, layers, layer }) {
  const { best } = view,
    { span } = layers[layer];
  return best !== null && span !== null && best[0] === span[0] && best[1] === span[1] ? null : best;
}

/** @param {Prose} prose @param {Trace} trace */
function markSpans(prose, trace) {
  const { answered, span } = trace.layers[trace.layer],
    other = bestInTheEnd(trace);
  prose.mark("best", answered && span !== null ? [span] : []);
  prose.mark("rejected", !answered && span !== null ? [span] : []);
  prose.mark("rival", other === null ? [] : [other]);
}

/** @param {Trace} trace @returns {Child[]} */
function textLegend(trace) {
  const { answered, span } = trace.layers[trace.layer];
  const ramp = h("i", { class: "ql-ramp ql-ramp-pale" });
  const [mark, words] = answered ? ["best", "best span here"] : ["rejected", "best span here, rejected"];
  return [
    h("span", {}, "0 ", ramp, " 1 probability of being in the answer, if there is one"),
    span !== null && h("span", { class: `ql-mark-${mark}` }, words),
    bestInTheEnd(trace) !== null &&
      h("span", { class: "ql-mark-rival" }, trace.view.answered ? "the answer in the end" : "best span in the end"),
  ];
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
