// What all explorers share. A view's own script follows in the same module and defines `explore(ui)`.
// No imports, no requests, and text only ever becomes text: nothing here parses markup.

// --- elements ---------------------------------------------------------------------------------------------------------

const SAFE_TAG = /^(?:div|span|p|h[1-6]|section|header|footer|figure|figcaption|button|input|textarea|select|option|label|output|ul|ol|li|dl|dt|dd|table|caption|thead|tbody|tfoot|tr|th|td|strong|em|b|i|small|bdi|mark|canvas|progress|details|summary|hr|br|kbd|sub|sup|a)$/;
const SAFE_ATTRIBUTE = /^(?:class|id|role|dir|lang|title|tabindex|type|width|height|hidden|open|disabled|checked|readonly|min|max|step|value|placeholder|colspan|rowspan|rows|cols|scope|spellcheck|autocomplete|for|name|download|aria-[a-z]+|data-[a-z-]+)$/;
const FOCUSABLE = /^(?:button|input|textarea|select|summary)$/;
// Jupyter's command-mode keys fire inside widgets; only this on the focusable element itself keeps them quiet.
const SUPPRESS = "data-lm-suppress-shortcuts";

/** An element with attributes and children; strings become text. */
function h(tag, attributes, ...children) {
  if (!SAFE_TAG.test(tag)) throw new Error(`no element of kind ${tag}`);
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (!SAFE_ATTRIBUTE.test(name)) throw new Error(`no attribute of name ${name}`);
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  if (FOCUSABLE.test(tag) || element.hasAttribute("tabindex")) element.setAttribute(SUPPRESS, "true");
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
}

/** Put other children into an element. */
function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

let ids = 0;
/** An id that no other element of the page has. */
function freshId() {
  ids += 1;
  return `ql-${ids}-${Math.random().toString(36).slice(2, 8)}`;
}

/** A text in its own direction, on its own. */
function said(text, attributes) {
  return h("bdi", { dir: "auto", lang: "", ...attributes }, text);
}

// --- numbers ----------------------------------------------------------------------------------------------------------

const MINUS = "\u2212";
const fmt = {
  /** 0.978; never rounded to a 0 or 1 that it is not. */
  probability(p) {
    if (p === null || Number.isNaN(p)) return "–";
    if (p < 0.0005) return "<0.001";
    if (p < 0.9995) return p.toFixed(3);
    return p >= 1 ? "1" : ">0.999";
  },
  /** 97.8% */
  percent(p) {
    if (p === null || Number.isNaN(p)) return "–";
    if (p < 0.0005) return "<0.1%";
    if (p < 0.9995) return `${(100 * p).toFixed(1)}%`;
    return p >= 1 ? "100%" : ">99.9%";
  },
  /** −7.23 */
  logit(x, digits = 2) {
    if (x === null || Number.isNaN(x)) return "–";
    const size = Number.isFinite(x) ? Math.abs(x).toFixed(digits) : "∞";
    return `${x < 0 && /[1-9∞]/.test(size) ? MINUS : ""}${size}`;
  },
  /** +1.23 */
  signed(x, digits = 2) {
    const text = fmt.logit(x, digits);
    return x > 0 && /[1-9∞]/.test(text) ? `+${text}` : text;
  },
  /** 5,120 tokens */
  count(n, what, many = `${what}s`) {
    return `${fmt.whole(n)} ${n === 1 ? what : many}`;
  },
  whole(n) {
    return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
  },
};

function clamp(x, low, high) {
  return Math.min(high, Math.max(low, x));
}

/** About `most` round numbers from `low` to `high`. */
function ticks(low, high, most = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(m => m * power >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
}

// --- text -------------------------------------------------------------------------------------------------------------

/** A text whose places Python counts in code points and JavaScript in UTF-16 units. */
class Words {
  constructor(text) {
    this.text = text;
    this.map = null;
    if (/[\ud800-\udfff]/.test(text)) {
      const map = new Uint32Array(text.length + 1);
      let n = 0;
      for (let k = 0; k < text.length; k += text.codePointAt(k) > 0xffff ? 2 : 1) map[n++] = k;
      map[n] = text.length;
      this.map = map.subarray(0, n + 1);
    }
    // Below U+0300 every unit but a carriage return is a character on its own.
    this.plain = !/[\r\u0300-\uffff]/.test(text);
    this._edges = null;
  }
  get length() {
    return this.map === null ? this.text.length : this.map.length - 1;
  }
  /** The UTF-16 place of a code point. */
  unit(point) {
    const at = clamp(point, 0, this.length);
    return this.map === null ? at : this.map[at];
  }
  /** The code point that holds a UTF-16 place. */
  point(unit) {
    return this.map === null ? unit : lastAtMost(this.map, unit);
  }
  /** The characters from one code point to another. */
  slice(start, end) {
    return this.text.slice(this.unit(start), this.unit(end));
  }
  /** Whether a cut before this UTF-16 place leaves whole what readers see as one character. */
  whole(unit) {
    if (this.plain || unit <= 0 || unit >= this.text.length) return true;
    this._edges ??= graphemeEdges(this.text);
    return this._edges[unit] === 1;
  }
}

function graphemeEdges(text) {
  const edges = new Uint8Array(text.length + 1);
  edges[text.length] = 1;
  if (typeof Intl.Segmenter === "function") {
    for (const part of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)) edges[part.index] = 1;
    return edges;
  }
  // Without a segmenter: surrogate pairs, combining marks and what joins stay together.
  const cluster = /\r\n|\P{M}(?:\p{M}|\u200d\P{M}|[\u{1f3fb}-\u{1f3ff}])*|\p{M}+/gsu;
  for (const match of text.matchAll(cluster)) edges[match.index] = 1;
  return edges;
}

/** The last index of a sorted array whose value is at most `x`; -1 where none is. */
function lastAtMost(sorted, x) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const PIECES_IN_BLOCK = 80;

/**
 * A text as text, with its tokens shaded and marked.
 *
 * The text is one flow of blocks. A block far from what is seen holds a single text node; near it, its tokens and the
 * stretches between them are elements, cut only where a reader sees a character end. So 100,000 characters open at once,
 * a repaint touches some hundred elements, and scripts that join their letters keep their shape.
 *
 * - `text`, `begin`, `end`: the text and the code points at which each token begins and ends
 * - `label`: what the list of tokens is called for those who do not see it
 * - `describe(token)`: what is said aloud of the token under the cursor
 * - `hover(token | null)`, `pick(first, last)`: a token is pointed at; a token or a run of tokens is chosen
 * - `move(token)`: the cursor came to a token
 * - `key(event, token)`: other keys; returns true where it used one
 */
class Prose {
  constructor(ui, { text, begin, end, label, describe, hover, pick, move, key, tall = 340 }) {
    this.ui = ui;
    this.words = text instanceof Words ? text : new Words(text);
    this.describe = describe ?? (() => "");
    this.hover = hover ?? (() => {});
    this.pick = pick ?? (() => {});
    this.move = move ?? (() => {});
    this.key = key ?? (() => false);
    this.begin = begin;
    this.end = end;
    this.values = null;
    this.most = 1;
    this.signed = false;
    this.marks = new Map();
    this.cursor = -1;
    this.anchor = -1;
    this._cut();
    this.el = h("div", {
      class: "ql-text", role: "listbox", tabindex: 0, dir: "auto", lang: "", "aria-label": label,
      "aria-multiselectable": "true",
    });
    // On a telephone and in long texts the flow scrolls within its own box.
    this.el.style.setProperty("--tall", `${tall}px`);
    this.blocks = this._blocks();
    this.lows = Int32Array.from(this.blocks, block => block.low);
    append(this.el, this.blocks.map(block => block.el));
    this._watch();
    this._listen();
    const size = new ResizeObserver(() => this.el.classList.toggle("ql-scrolls", this.el.scrollHeight > this.el.clientHeight + 1));
    size.observe(this.el);
    ui.done(() => size.disconnect());
  }

  // Pieces: [from, to) in UTF-16 units, and the run of tokens that each shows; -1 for what lies between tokens.
  _cut() {
    const { words, begin, end } = this;
    const cuts = new Set([0, words.text.length]);
    for (let t = 0; t < begin.length; t++) {
      const a = words.unit(begin[t]), b = words.unit(end[t]);
      if (b > a) {
        if (words.whole(a)) cuts.add(a);
        if (words.whole(b)) cuts.add(b);
      }
    }
    const places = Int32Array.from(cuts).sort();
    const n = Math.max(0, places.length - 1);
    this.from = places;
    this.first = new Int32Array(n).fill(-1);
    this.last = new Int32Array(n).fill(-1);
    this.pieceOf = new Int32Array(begin.length).fill(-1);
    for (let t = 0; t < begin.length; t++) {
      const a = words.unit(begin[t]), b = words.unit(end[t]);
      if (b <= a) continue;
      const low = lastAtMost(places, a), high = lastAtMost(places, b - 1);
      this.pieceOf[t] = low;
      for (let p = low; p <= high; p++) {
        if (this.first[p] < 0) this.first[p] = t;
        this.last[p] = Math.max(this.last[p], t);
      }
    }
  }

  _blocks() {
    const blocks = [];
    const n = this.first.length;
    for (let p = 0; p < n;) {
      let q = Math.min(n, p + PIECES_IN_BLOCK);
      // A block ends at a blank, so that no word is laid out in two parts.
      while (q < n && this.first[q] >= 0 && q < p + 2 * PIECES_IN_BLOCK) q += 1;
      blocks.push({ low: p, high: q, el: h("span", { class: "ql-block", "data-b": blocks.length }, this._text(p, q)), live: false });
      p = q;
    }
    return blocks;
  }

  _text(p, q) {
    return this.words.text.slice(this.from[p], this.from[q]);
  }

  _watch() {
    if (this.blocks.length <= 4 || typeof IntersectionObserver !== "function") {
      this.blocks.forEach(block => this._wake(block));
      return;
    }
    const observer = new IntersectionObserver(entries => {
      for (const entry of entries) {
        const block = this.blocks[Number(entry.target.dataset.b)];
        if (entry.isIntersecting) this._wake(block);
        else this._sleep(block);
      }
    }, { root: this.el, rootMargin: "400px 0px" });
    this.blocks.forEach(block => observer.observe(block.el));
    this.ui.done(() => observer.disconnect());
  }

  _wake(block) {
    if (block.live) return;
    block.live = true;
    const pieces = [];
    for (let p = block.low; p < block.high; p++) {
      const token = this.first[p] >= 0;
      const piece = h("span", token ? { class: "ql-tok", role: "option", "data-p": p } : { class: "ql-gap", role: "none", "data-p": p }, this._text(p, p + 1));
      pieces.push(piece);
    }
    block.el.replaceChildren(...pieces);
    this._paintBlock(block);
  }

  _sleep(block) {
    if (!block.live || block.el.contains(document.activeElement)) return;
    block.live = false;
    block.el.replaceChildren(this._text(block.low, block.high));
  }

  /** The value of each token as its shade; null for none. With `signed`, blue is positive and orange negative. */
  shade(values, { most = 1, signed = false } = {}) {
    this.values = values;
    this.most = most;
    this.signed = signed;
    this._paint();
  }

  /** Mark ranges of code points: class `ql-mark-<name>`. An empty list takes the mark away. */
  mark(name, ranges) {
    const before = this.marks.get(name) ?? [];
    const now = ranges.map(([a, b]) => {
      const low = lastAtMost(this.from, this.words.unit(a));
      const high = lastAtMost(this.from, Math.max(this.words.unit(a), this.words.unit(b) - 1));
      return [low, high];
    });
    this.marks.set(name, now);
    // Only what loses or gets the mark is painted, so that a hover costs the same in every text.
    for (const [low, high] of [...before, ...now]) this._paintRun(low, high);
  }

  _paintRun(low, high) {
    for (let b = Math.max(0, lastAtMost(this.lows, low)); b < this.blocks.length && this.blocks[b].low <= high; b++) {
      const block = this.blocks[b];
      if (!block.live) continue;
      const pieces = block.el.children;
      for (let p = Math.max(low, block.low); p <= Math.min(high, block.high - 1); p++) this._paintPiece(pieces[p - block.low], p);
    }
  }

  _paint() {
    for (const block of this.blocks) if (block.live) this._paintBlock(block);
  }

  _paintBlock(block) {
    const pieces = block.el.children;
    for (let p = block.low; p < block.high; p++) this._paintPiece(pieces[p - block.low], p);
  }

  _paintPiece(piece, p) {
    const value = this._value(p);
    const level = Number.isFinite(value) ? Math.min(100, Math.round((100 * Math.abs(value)) / this.most)) : 0;
    let names = this.first[p] >= 0 ? "ql-tok" : "ql-gap";
    if (level > 0) names += value < 0 ? " ql-against" : " ql-for";
    for (const [name, ranges] of this.marks) {
      for (const [low, high] of ranges) {
        if (low <= p && p <= high) names += ` ql-mark-${name}${p === low ? ` ql-first-${name}` : ""}${p === high ? ` ql-last-${name}` : ""}`;
      }
    }
    if (this.cursor >= 0 && this.pieceOf[this.cursor] === p) names += " ql-cursor";
    const key = `${names}|${level}`;
    if (piece.qlKey === key) return;
    piece.qlKey = key;
    piece.className = names;
    if (level > 0) piece.style.setProperty("--v", `${level}%`);
    else piece.style.removeProperty("--v");
    if (this.first[p] >= 0) piece.setAttribute("aria-selected", names.includes("ql-mark-selected") ? "true" : "false");
  }

  /** The value of a piece: of its tokens the largest; between two tokens the lesser of both where signs agree. */
  _value(p) {
    if (this.values === null) return 0;
    if (this.first[p] < 0) {
      if (p === 0 || p + 1 >= this.first.length || this.first[p - 1] < 0 || this.first[p + 1] < 0) return 0;
      const a = this._value(p - 1), b = this._value(p + 1);
      return a * b > 0 ? Math.sign(a) * Math.min(Math.abs(a), Math.abs(b)) : 0;
    }
    let best = 0;
    for (let t = this.first[p]; t <= this.last[p]; t++) {
      if (Math.abs(this.values[t]) > Math.abs(best)) best = this.values[t];
    }
    return best;
  }

  /** The piece of a token, made an element if it was not. */
  _piece(token) {
    const p = this.pieceOf[token];
    if (p === undefined || p < 0) return null;
    const block = this.blocks[lastAtMost(this.lows, p)];
    this._wake(block);
    return block.el.children[p - block.low];
  }

  /** Scroll the text's own box, never the page, until a token is seen. */
  reveal(token) {
    const piece = this._piece(token);
    if (piece === null || this.el.scrollHeight <= this.el.clientHeight) return;
    const box = this.el.getBoundingClientRect(), at = piece.getBoundingClientRect();
    if (at.top < box.top + 20 || at.bottom > box.bottom - 20) {
      this.el.scrollTop += at.top - box.top - box.height / 3;
    }
  }

  /** The token at an event, or -1. */
  tokenAt(event) {
    const piece = event.target instanceof Element ? event.target.closest(".ql-tok") : null;
    return piece === null || !this.el.contains(piece) ? -1 : this.first[Number(piece.dataset.p)];
  }

  /** Put the cursor on a token. */
  go(token, { quiet = false } = {}) {
    const before = this.cursor;
    this.cursor = token;
    for (const t of [before, token]) {
      const piece = t >= 0 ? this._piece(t) : null;
      if (piece !== null) this._paintPiece(piece, this.pieceOf[t]);
    }
    const piece = token >= 0 ? this._piece(token) : null;
    if (piece === null) {
      this.el.removeAttribute("aria-activedescendant");
      return;
    }
    if (!piece.id) piece.id = freshId();
    this.el.setAttribute("aria-activedescendant", piece.id);
    this.reveal(token);
    this.move(token);
    this.hover(token);
    if (!quiet) this.ui.say(this.describe(token));
  }

  _listen() {
    const { ui, el } = this;
    ui.listen(el, "pointermove", event => {
      const token = this.tokenAt(event);
      if (this.anchor >= 0 && event.buttons === 1 && token >= 0) this._select(token);
      this.hover(token < 0 ? null : token);
    });
    ui.listen(el, "pointerleave", () => this.hover(null));
    ui.listen(el, "pointerdown", event => {
      const token = this.tokenAt(event);
      if (token < 0 || event.button !== 0) return;
      this.anchor = event.shiftKey && this.cursor >= 0 ? this.cursor : token;
    });
    // Not on click: a drag from one token to another is no click on either.
    ui.listen(el, "pointerup", event => {
      const token = this.tokenAt(event), from = this.anchor;
      this.anchor = -1;
      this.mark("choosing", []);
      if (token < 0 || from < 0 || event.button !== 0) return;
      this.go(token, { quiet: true });
      this.pick(Math.min(from, token), Math.max(from, token));
    });
    // What presses without a pointer, such as a screen reader.
    ui.listen(el, "click", event => {
      const token = this.tokenAt(event);
      if (event.detail === 0 && token >= 0) this.pick(token, token);
    });
    ui.listen(el, "focus", () => {
      if (this.cursor < 0 && this.begin.length > 0) this.go(this.home ?? 0);
    });
    ui.listen(el, "blur", () => this.hover(null));
    ui.listen(el, "keydown", event => this._key(event));
  }

  _select(token) {
    const [a, b] = [Math.min(this.anchor, token), Math.max(this.anchor, token)];
    this.mark("choosing", a === b ? [] : [[this.begin[a], this.end[b]]]);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const n = this.begin.length;
    const turned = getComputedStyle(this.el).direction === "rtl" ? -1 : 1;
    const at = Math.max(0, this.cursor);
    const to = {
      ArrowRight: at + turned, ArrowLeft: at - turned, ArrowDown: this._below(at, 1), ArrowUp: this._below(at, -1),
      Home: 0, End: n - 1, PageDown: at + 50, PageUp: at - 50,
    }[event.key];
    if (to !== undefined) {
      if (event.shiftKey && this.anchor < 0) this.anchor = at;
      if (!event.shiftKey) this.anchor = -1;
      this.go(clamp(to, 0, n - 1));
      if (event.shiftKey) this._select(this.cursor);
      else this.mark("choosing", []);
    } else if (event.key === "Enter" || event.key === " ") {
      const from = this.anchor >= 0 ? this.anchor : at;
      this.anchor = -1;
      this.mark("choosing", []);
      this.pick(Math.min(from, at), Math.max(from, at));
    } else if (!this.key(event, at)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The token one line below or above. */
  _below(token, step) {
    const here = this._piece(token)?.getBoundingClientRect();
    if (here === undefined) return token + step;
    const x = (here.left + here.right) / 2;
    let best = token, far = Infinity, line = null;
    for (let t = token + step; t >= 0 && t < this.begin.length && Math.abs(t - token) < 400; t += step) {
      const box = this._piece(t)?.getBoundingClientRect();
      if (box === undefined || Math.abs(box.top - here.top) < 4) continue;
      line ??= box.top;
      if (Math.abs(box.top - line) >= 4) break;
      const away = Math.abs((box.left + box.right) / 2 - x);
      if (away < far) [best, far] = [t, away];
    }
    return best;
  }
}

// --- colours ----------------------------------------------------------------------------------------------------------

const COLOURS = ["ground", "ink", "soft", "rule", "field", "blue", "orange", "pale", "paleorange"];

/** Whether the host shows a dark theme: Jupyter, VS Code, marimo, Sphinx, else the browser. */
function isDark(element) {
  const jupyter = element.closest?.("[data-jp-theme-light]") ?? document.querySelector("[data-jp-theme-light]");
  if (jupyter !== null) return jupyter.getAttribute("data-jp-theme-light") === "false";
  for (const host of [document.body, document.documentElement]) {
    const kind = host.dataset.vscodeThemeKind ?? host.dataset.theme ?? host.getAttribute("theme") ?? host.className;
    if (/\b(?:vscode-)?(?:dark|high-contrast)\b(?!-light)/.test(kind)) return true;
    if (/\b(?:vscode-)?light\b/.test(kind)) return false;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** A colour between two others, as CSS. */
function mix(low, high, share) {
  return `color-mix(in srgb, ${high} ${(100 * clamp(share, 0, 1)).toFixed(1)}%, ${low})`;
}

/** Probability as colour: from the ground to blue (or another), with the root in between so that small ones are seen. */
function sequential(colours, share, hue = "blue") {
  return mix(colours.ground, colours[hue], Math.sqrt(clamp(share, 0, 1)));
}

/** A signed share from −1 (orange) over 0 (the ground) to 1 (blue). */
function diverging(colours, share) {
  return mix(colours.ground, share < 0 ? colours.orange : colours.blue, Math.abs(share));
}

/** How deep a probability is on a log scale over four powers of ten: 0 for none, 1 for 1. */
function logShare(p, decades = 4) {
  return p > 0 ? clamp(1 + Math.log10(p) / decades, 0, 1) : 0;
}

// --- token axes and their pictures ------------------------------------------------------------------------------------

/** The tokens from `from` to `to` across `width` pixels, from `left` on. */
class TokenAxis {
  constructor(from, to, width, { left = 0, widest = 36 } = {}) {
    this.from = from;
    this.to = to;
    this.left = left;
    this.unit = Math.min(widest, (width - left) / Math.max(1, to - from));
  }
  get right() {
    return this.x(this.to);
  }
  /** The left edge of a token. */
  x(token) {
    return this.left + (token - this.from) * this.unit;
  }
  /** The token at a place, or -1. */
  at(x) {
    const token = this.from + Math.floor((x - this.left) / this.unit);
    return token >= this.from && token < this.to ? token : -1;
  }
}

/** Bars from a line, up for `direction` −1 and down for 1: `values` of the tokens of an axis (an array, or a function of the token); `high` is the length of `most`. */
function paintBars(context, axis, values, { y, high, most, colour, direction = -1 }) {
  context.fillStyle = colour;
  const gap = axis.unit > 6 ? 1 : 0;
  for (let t = axis.from; t < axis.to; t++) {
    const length = (high * clamp(typeof values === "function" ? values(t) : values[t], 0, most)) / most;
    if (length < 0.15) continue;
    const size = Math.max(1, length);
    context.fillRect(axis.x(t) + gap / 2, direction < 0 ? y - size : y, Math.max(0.75, axis.unit - gap), size);
  }
}

/** A band of cells: first token across, length in tokens down; `share(first, length)` is from 0 (blank) to 1. */
function paintBand(context, axis, { y, rows, cell, share, colours, hue = "blue" }) {
  const gap = axis.unit > 6 ? 1 : 0, below = cell > 4 ? 1 : 0;
  context.fillStyle = colours[hue];
  for (let t = axis.from; t < axis.to; t++) {
    for (let row = 0; row < rows; row++) {
      const depth = share(t, row + 1);
      if (depth < 0.04) continue;
      context.globalAlpha = depth;
      context.fillRect(axis.x(t) + gap / 2, y + row * cell, Math.max(0.75, axis.unit - gap), cell - below);
    }
  }
  context.globalAlpha = 1;
}

// --- what one drawing holds -------------------------------------------------------------------------------------------

/** The hands of a view: its model, its root, and everything that is let go when the drawing ends. */
class Ui {
  constructor(model, root, signal) {
    this.model = model;
    this.root = root;
    this.signal = signal;
    this.live = h("output", { class: "ql-aloud", "aria-live": "polite" });
    this.reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this._themed = [];
    root.append(this.live);
    this._readTheme();
    this._watchTheme();
  }

  // traits
  get(name) {
    return this.model.get(name);
  }
  /** Set a trait here and in Python. */
  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }
  /** Call when a trait changes, from here or from Python. */
  on(name, change) {
    const event = name.includes(":") ? name : `change:${name}`;
    this.model.on(event, change);
    this.done(() => this.model.off(event, change));
  }
  /** A message to Python (`on_msg`); in a page without a kernel it goes nowhere. */
  send(content) {
    this.model.send(content);
  }
  get still() {
    return this.model.still === true;
  }
  floats(name) {
    return new Float32Array(this._bytes(name));
  }
  ints(name) {
    return new Int32Array(this._bytes(name));
  }
  _bytes(name) {
    const value = this.get(name);
    if (value instanceof ArrayBuffer) return value.slice(0);
    return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
  }

  // life
  done(release) {
    this.signal.addEventListener("abort", release, { once: true });
  }
  listen(target, type, handler, options = {}) {
    target.addEventListener(type, handler, { ...options, signal: this.signal });
  }
  /** A function that runs `work` once before the next repaint, however often it is called. */
  frame(work) {
    let waiting = 0;
    this.done(() => cancelAnimationFrame(waiting));
    return () => {
      if (waiting) return;
      waiting = requestAnimationFrame(() => {
        waiting = 0;
        work();
      });
    };
  }
  /** A function that runs `work` when it was not called again for some milliseconds. */
  later(work, milliseconds) {
    let waiting = 0;
    this.done(() => clearTimeout(waiting));
    return (...values) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => work(...values), milliseconds);
    };
  }
  /** Say something to those who listen; nothing is seen. */
  say(text) {
    this.live.textContent = text;
  }

  // theme
  _readTheme() {
    this.dark = isDark(this.root);
    this.root.dataset.qlTheme = this.dark ? "dark" : "light";
    const probe = h("span", { hidden: true });
    this.root.append(probe);
    this.colours = {};
    for (const name of COLOURS) {
      probe.style.color = `var(--ql-${name})`;
      this.colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  }
  _watchTheme() {
    const look = this.frame(() => {
      this._readTheme();
      this._themed.forEach(paint => paint());
    });
    const observer = new MutationObserver(look);
    const attributes = ["class", "data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind", "style"];
    for (const host of [document.body, document.documentElement]) {
      observer.observe(host, { attributes: true, attributeFilter: attributes });
    }
    this.done(() => observer.disconnect());
    this.listen(matchMedia("(prefers-color-scheme: dark)"), "change", look);
    if (!this.root.isConnected) this._whenLaidIn(look);
  }
  /** Voila draws into an element that it lays in its page later, and before that no colour is known. */
  _whenLaidIn(look) {
    const laid = new ResizeObserver(() => {
      // The first call comes at once, with no size.
      if (!this.root.isConnected) return;
      laid.disconnect();
      look();
    });
    laid.observe(this.root);
    this.done(() => laid.disconnect());
  }
  /** Call when the theme changes. */
  onTheme(paint) {
    this._themed.push(paint);
  }

  // parts
  button(label, press, { pressed = null, name = null, small = false, disabled = false } = {}) {
    const el = h("button", {
      type: "button", class: small ? "ql-button ql-small" : "ql-button", "aria-label": name, disabled,
      "aria-pressed": pressed === null ? null : String(pressed),
    }, label);
    this.listen(el, "click", event => press(event, el));
    this.listen(el, "keydown", event => event.stopPropagation());
    return el;
  }

  /** One of several choices as buttons side by side. `options`: [[value, label], …]. */
  choice({ label, options, value, change }) {
    const el = h("div", { class: "ql-choice", role: "radiogroup", "aria-label": label });
    const buttons = options.map(([, text]) => h("span", { role: "radio", tabindex: -1 }, text));
    const show = chosen => buttons.forEach((button, k) => {
      const on = options[k][0] === chosen;
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    });
    const choose = k => {
      show(options[k][0]);
      change(options[k][0]);
    };
    buttons.forEach((button, k) => this.listen(button, "click", () => choose(k)));
    this.rove(el, () => buttons, { horizontal: true, move: choose, press: choose });
    append(el, buttons);
    show(value);
    return { el, set: show };
  }

  /** Parts of which one is seen. `parts`: [[title, element], …]; `shown(k)` is told which. */
  tabs({ label, parts, shown = () => {} }) {
    const list = h("div", { class: "ql-tabs", role: "tablist", "aria-label": label });
    const tabs = parts.map(([title]) => h("span", { role: "tab", tabindex: -1, id: freshId() }, title));
    const panels = parts.map(([, part], k) => h("div", { role: "tabpanel", "aria-labelledby": tabs[k].id }, part));
    const show = at => {
      tabs.forEach((tab, k) => {
        tab.setAttribute("aria-selected", String(k === at));
        tab.tabIndex = k === at ? 0 : -1;
        panels[k].hidden = k !== at;
      });
      shown(at);
    };
    tabs.forEach((tab, k) => this.listen(tab, "click", () => show(k)));
    this.rove(list, () => tabs, { horizontal: true, move: show, press: show });
    append(list, tabs);
    show(0);
    return { el: h("div", {}, list, panels), set: show };
  }

  /** Arrow keys, Home and End among items of which one has the tab stop; Enter and the blank press. */
  rove(el, items, { horizontal = false, move = () => {}, press = () => {} } = {}) {
    this.listen(el, "keydown", event => {
      const all = items(), at = all.indexOf(event.target);
      if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const turned = horizontal && getComputedStyle(el).direction === "rtl" ? -1 : 1;
      const to = {
        ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1,
        ...(horizontal ? { ArrowRight: at + turned, ArrowLeft: at - turned } : {}),
      }[event.key];
      if (to !== undefined) {
        const next = clamp(to, 0, all.length - 1);
        all.forEach((item, k) => { item.tabIndex = k === next ? 0 : -1; });
        all[next].focus();
        move(next);
      } else if (event.key === "Enter" || event.key === " ") press(at);
      else {
        if (!/^(?:Tab|Escape)$/.test(event.key)) event.stopPropagation();
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /**
   * A slider with a track that may be painted. `text(value)` says a value aloud; `input(value)` follows every move.
   * `share()` is the part of the track that the thumb covers, for a thumb that frames a stretch.
   */
  slider({ label, min, max, step, page = 10 * step, value, text = v => fmt.logit(v), input, share = () => 0 }) {
    const thumb = h("span", {
      class: "ql-thumb", role: "slider", tabindex: 0, "aria-label": label, "aria-orientation": "horizontal",
    });
    const track = h("span", { class: "ql-track" });
    const el = h("div", { class: "ql-slider", dir: "ltr" }, track, thumb);
    let now = value;
    const show = v => {
      now = clamp(v, min, max);
      thumb.style.setProperty("--at", String(max > min ? (now - min) / (max - min) : 0));
      thumb.setAttribute("aria-valuemin", String(min));
      thumb.setAttribute("aria-valuemax", String(max));
      thumb.setAttribute("aria-valuenow", String(Number(now.toFixed(6))));
      thumb.setAttribute("aria-valuetext", text(now));
    };
    const take = v => {
      show(min + Math.round((v - min) / step) * step);
      input(now);
    };
    const drag = event => {
      const box = track.getBoundingClientRect(), covered = box.width * share();
      take(min + ((max - min) * (event.clientX - box.left - covered / 2)) / Math.max(1, box.width - covered));
    };
    const limit = (low, high) => {
      [min, max] = [low, high];
      show(now);
    };
    this.listen(el, "pointerdown", event => {
      if (event.button !== 0) return;
      event.preventDefault();
      el.setPointerCapture(event.pointerId);
      thumb.focus();
      drag(event);
    });
    this.listen(el, "pointermove", event => {
      if (el.hasPointerCapture(event.pointerId)) drag(event);
    });
    this.listen(thumb, "keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const to = {
        ArrowRight: now + step, ArrowUp: now + step, ArrowLeft: now - step, ArrowDown: now - step,
        PageUp: now + page, PageDown: now - page, Home: min, End: max,
      }[event.key];
      if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
      if (to === undefined) return;
      event.preventDefault();
      take(to);
    });
    show(value);
    return { el, track, thumb, limit, set: show, get value() { return now; } };
  }

  /** A canvas as wide as its place and `height` pixels high; `paint(context, width, height, colours)` draws it. */
  canvas({ label, height, paint }) {
    const el = h("canvas", { class: "ql-canvas", role: "img", "aria-label": label });
    let high = height, width = 0, font = "";
    el.style.height = `${high}px`;
    const draw = this.frame(() => {
      if (width === 0) return;
      const sharp = window.devicePixelRatio || 1;
      const [w, t] = [Math.round(width * sharp), Math.round(high * sharp)];
      const context = el.getContext("2d");
      if (el.width !== w || el.height !== t) [el.width, el.height] = [w, t];
      context.setTransform(sharp, 0, 0, sharp, 0, 0);
      context.clearRect(0, 0, width, high);
      context.font = font;
      paint(context, width, high, this.colours);
    });
    const observer = new ResizeObserver(() => {
      width = el.clientWidth;
      font = getComputedStyle(el).font;
      draw();
    });
    observer.observe(el);
    this.done(() => observer.disconnect());
    this.onTheme(draw);
    draw();
    return {
      el, draw,
      get width() { return width; },
      resize(pixels) {
        high = pixels;
        el.style.height = `${high}px`;
        draw();
      },
    };
  }
}

/** Where a pointer is in an element, in pixels from its upper left corner. */
function pointer(event, element) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

// --- the widget -------------------------------------------------------------------------------------------------------

/** Draw the explorer of this module; the function returned lets everything go. Another `view` is drawn anew. */
function render({ model, el }) {
  const root = h("div", { class: "ql-x", dir: "ltr", lang: "en" });
  el.append(root);
  let drawing = null;
  const draw = () => {
    drawing?.abort();
    drawing = new AbortController();
    root.replaceChildren();
    explore(new Ui(model, root, drawing.signal));
  };
  model.on("change:view", draw);
  draw();
  return () => {
    model.off("change:view", draw);
    drawing.abort();
    root.remove();
  };
}

/** A model without a kernel, for exported pages. */
function stillModel(traits) {
  const heard = new Map();
  return {
    still: true,
    get: name => traits[name],
    set(name, value) {
      if (traits[name] === value) return;
      traits[name] = value;
      for (const change of [...(heard.get(`change:${name}`) ?? [])]) change();
    },
    save_changes() {},
    send() {},
    on(event, change) {
      heard.set(event, [...(heard.get(event) ?? []), change]);
    },
    off(event, change) {
      heard.set(event, (heard.get(event) ?? []).filter(one => one !== change));
    },
  };
}
