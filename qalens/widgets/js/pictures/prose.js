// @ts-check
// A text on the page: painted by ranges, and walked through with a pointer or keys.

import { append, freshId, h } from "../dom.js";
import { clamp } from "../numbers.js";
import { lastAtMost, Words } from "../words.js";

/** @import { Block, Piece, ProseOptions, Stretch } from "../types" */
/** @import { Ui } from "../ui.js" */

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
export class Prose {
  /**
   * @param {Ui} ui
   * @param {ProseOptions} options
   */
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
    /** @type {ArrayLike<number> | null} */
    this.values = null;
    this.most = 1;
    this.signed = false;
    /** @type {Map<string, [number, number][]>} */
    this.marks = new Map();
    /** @type {Map<number, number>} */
    this.numbers = new Map();
    this.cursor = -1;
    this.anchor = -1;
    /** Where the cursor starts. */
    this.home = 0;
    this.from = this.first = this.last = this.pieceOf = new Int32Array(0);
    this._cut();
    this.el = h("div", {
      class: "ql-text",
      role: "listbox",
      tabindex: 0,
      dir: "auto",
      lang: "",
      "aria-label": label,
      "aria-multiselectable": "true",
    });
    // On a telephone and in long texts the flow scrolls within its own box.
    this.el.style.setProperty("--tall", `${tall}px`);
    this.blocks = this._blocks();
    this.lows = Int32Array.from(this.blocks, block => block.low);
    append(
      this.el,
      this.blocks.map(block => block.el),
    );
    this._watch();
    this._listen();
    const size = new ResizeObserver(() =>
      this.el.classList.toggle("ql-scrolls", this.el.scrollHeight > this.el.clientHeight + 1),
    );
    size.observe(this.el);
    ui.done(() => size.disconnect());
  }

  // Pieces: [from, to) in UTF-16 units, and the run of tokens that each shows; -1 for what lies between tokens.
  _cut() {
    const { words, begin, end } = this;
    const cuts = new Set([0, words.text.length]);
    for (let t = 0; t < begin.length; t++) {
      const a = words.unit(begin[t]),
        b = words.unit(end[t]);
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
      const a = words.unit(begin[t]),
        b = words.unit(end[t]);
      if (b <= a) continue;
      const low = lastAtMost(places, a),
        high = lastAtMost(places, b - 1);
      this.pieceOf[t] = low;
      for (let p = low; p <= high; p++) {
        if (this.first[p] < 0) this.first[p] = t;
        this.last[p] = Math.max(this.last[p], t);
      }
    }
  }

  /** @returns {Block[]} */
  _blocks() {
    /** @type {Block[]} */
    const blocks = [];
    const n = this.first.length;
    for (let p = 0; p < n; ) {
      let q = Math.min(n, p + PIECES_IN_BLOCK);
      // A block ends at a blank, so that no word is laid out in two parts.
      while (q < n && this.first[q] >= 0 && q < p + 2 * PIECES_IN_BLOCK) q += 1;
      blocks.push({
        low: p,
        high: q,
        el: h("span", { class: "ql-block", "data-b": blocks.length }, this._text(p, q)),
        live: false,
      });
      p = q;
    }
    return blocks;
  }

  /** @param {number} p @param {number} q */
  _text(p, q) {
    return this.words.text.slice(this.from[p], this.from[q]);
  }

  _watch() {
    if (this.blocks.length <= 4 || typeof IntersectionObserver !== "function") {
      this.blocks.forEach(block => this._wake(block));
      return;
    }
    const observer = new IntersectionObserver(
      entries => {
        for (const entry of entries) {
          const block = this.blocks[Number(entry.target.getAttribute("data-b"))];
          if (entry.isIntersecting) this._wake(block);
          else this._sleep(block);
        }
      },
      { root: this.el, rootMargin: "400px 0px" },
    );
    this.blocks.forEach(block => observer.observe(block.el));
    this.ui.done(() => observer.disconnect());
  }

  /** @param {Block} block */
  _wake(block) {
    if (block.live) return;
    block.live = true;
    const pieces = [];
    for (let p = block.low; p < block.high; p++) {
      const token = this.first[p] >= 0;
      const piece = h(
        "span",
        token ? { class: "ql-tok", role: "option", "data-p": p } : { class: "ql-gap", role: "none", "data-p": p },
        this._text(p, p + 1),
      );
      pieces.push(piece);
    }
    block.el.replaceChildren(...pieces);
    this._paintBlock(block);
  }

  /** @param {Block} block */
  _sleep(block) {
    if (!block.live || block.el.contains(document.activeElement)) return;
    block.live = false;
    block.el.replaceChildren(this._text(block.low, block.high));
  }

  /**
   * The value of each token as its shade; null for none. With `signed`, both signs have their colours.
   *
   * @param {ArrayLike<number> | null} values @param {{ most?: number, signed?: boolean }} [options]
   */
  shade(values, { most = 1, signed = false } = {}) {
    this.values = values;
    this.most = most;
    this.signed = signed;
    this._paint();
  }

  /**
   * Mark ranges of code points: class `ql-mark-<name>`. An empty list takes the mark away.
   *
   * @param {string} name @param {Stretch[]} ranges
   */
  mark(name, ranges) {
    const before = this.marks.get(name) ?? [];
    /** @type {[number, number][]} */
    const now = ranges.map(([a, b]) => {
      const low = lastAtMost(this.from, this.words.unit(a));
      const high = lastAtMost(this.from, Math.max(this.words.unit(a), this.words.unit(b) - 1));
      return [low, high];
    });
    this.marks.set(name, now);
    // Only what loses or gets the mark is painted, so that a hover costs the same in every text.
    for (const [low, high] of [...before, ...now]) this._paintRun(low, high);
  }

  /**
   * Write a number before some ranges of code points, each as [number, start, end].
   *
   * @param {[number, number, number][]} ranges
   */
  number(ranges) {
    this.numbers = new Map(ranges.map(([number, start]) => [lastAtMost(this.from, this.words.unit(start)), number]));
    this._paint();
  }

  /** @param {number} low @param {number} high */
  _paintRun(low, high) {
    for (let b = Math.max(0, lastAtMost(this.lows, low)); b < this.blocks.length && this.blocks[b].low <= high; b++) {
      const block = this.blocks[b];
      if (!block.live) continue;
      /** @type {HTMLCollectionOf<any>} */
      const pieces = block.el.children;
      for (let p = Math.max(low, block.low); p <= Math.min(high, block.high - 1); p++)
        this._paintPiece(pieces[p - block.low], p);
    }
  }

  _paint() {
    for (const block of this.blocks) if (block.live) this._paintBlock(block);
  }

  /** @param {Block} block */
  _paintBlock(block) {
    /** @type {HTMLCollectionOf<any>} */
    const pieces = block.el.children;
    for (let p = block.low; p < block.high; p++) this._paintPiece(pieces[p - block.low], p);
  }

  /** @param {Piece} piece @param {number} p */
  _paintPiece(piece, p) {
    const value = this._value(p);
    const level = Number.isFinite(value) ? Math.min(100, Math.round((100 * Math.abs(value)) / this.most)) : 0;
    let names = this.first[p] >= 0 ? "ql-tok" : "ql-gap";
    if (level > 0) names += this.signed ? ` ql-v ql-v-${value < 0 ? "against" : "for"}` : " ql-p";
    for (const [name, ranges] of this.marks) {
      for (const [low, high] of ranges) {
        if (low <= p && p <= high)
          names += ` ql-mark-${name}${p === low ? ` ql-first-${name}` : ""}${p === high ? ` ql-last-${name}` : ""}`;
      }
    }
    if (this.cursor >= 0 && this.pieceOf[this.cursor] === p) names += " ql-cursor";
    const number = this.numbers.get(p);
    const key = `${names}|${level}|${number}`;
    if (piece.qlKey === key) return;
    piece.qlKey = key;
    piece.className = names;
    if (number === undefined) delete piece.dataset.n;
    else piece.dataset.n = String(number);
    if (level > 0) piece.style.setProperty("--v", `${level}%`);
    else piece.style.removeProperty("--v");
    if (this.first[p] >= 0) piece.setAttribute("aria-selected", names.includes("ql-mark-selected") ? "true" : "false");
  }

  /**
   * The value of a piece: of its tokens the largest; between two tokens the lesser of both where signs agree.
   *
   * @param {number} p @returns {number}
   */
  _value(p) {
    if (this.values === null) return 0;
    if (this.first[p] < 0) {
      if (p === 0 || p + 1 >= this.first.length || this.first[p - 1] < 0 || this.first[p + 1] < 0) return 0;
      const a = this._value(p - 1),
        b = this._value(p + 1);
      return a * b > 0 ? Math.sign(a) * Math.min(Math.abs(a), Math.abs(b)) : 0;
    }
    let best = 0;
    for (let t = this.first[p]; t <= this.last[p]; t++) {
      if (Math.abs(this.values[t]) > Math.abs(best)) best = this.values[t];
    }
    return best;
  }

  /** The piece of a token, made an element if it was not. @param {number} token @returns {Piece | null} */
  _piece(token) {
    const p = this.pieceOf[token];
    if (p === undefined || p < 0) return null;
    const block = this.blocks[lastAtMost(this.lows, p)];
    this._wake(block);
    /** @type {HTMLCollectionOf<any>} */
    const pieces = block.el.children;
    return pieces[p - block.low];
  }

  /** Scroll the text's own box, never the page, until a token is seen. @param {number} token */
  reveal(token) {
    const piece = this._piece(token);
    if (piece === null || this.el.scrollHeight <= this.el.clientHeight) return;
    const box = this.el.getBoundingClientRect(),
      at = piece.getBoundingClientRect();
    if (at.top < box.top + 20 || at.bottom > box.bottom - 20) {
      this.el.scrollTop += at.top - box.top - box.height / 3;
    }
  }

  /** The token at an event, or -1. @param {MouseEvent} event */
  tokenAt(event) {
    /** @type {HTMLElement | null} */
    const piece = event.target instanceof Element ? event.target.closest(".ql-tok") : null;
    return piece === null || !this.el.contains(piece) ? -1 : this.first[Number(piece.dataset.p)];
  }

  /** Put the cursor on a token. @param {number} token @param {{ quiet?: boolean }} [options] */
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
      const token = this.tokenAt(event),
        from = this.anchor;
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
      if (this.cursor < 0 && this.begin.length > 0) this.go(this.home);
    });
    ui.listen(el, "blur", () => this.hover(null));
    ui.listen(el, "keydown", event => this._key(event));
    ui.listen(el, "copy", event => this._copy(event));
    // On paper the whole text is seen, with all its marks.
    ui.listen(window, "beforeprint", () => {
      for (const block of this.blocks) this._wake(block);
    });
  }

  /**
   * Copy what is selected, else the whole text: a drag over it chooses a span and marks nothing for the browser.
   *
   * @param {ClipboardEvent} event
   */
  _copy(event) {
    const ranges = this.marks.get("selected") ?? [];
    const chosen = ranges.map(([low, high]) => this._text(low, high + 1)).join(" … ");
    event.clipboardData?.setData("text/plain", chosen || this.words.text);
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} token */
  _select(token) {
    const [a, b] = [Math.min(this.anchor, token), Math.max(this.anchor, token)];
    this.mark("choosing", a === b ? [] : [[this.begin[a], this.end[b]]]);
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const n = this.begin.length;
    const turned = getComputedStyle(this.el).direction === "rtl" ? -1 : 1;
    const at = Math.max(0, this.cursor);
    const to = {
      ArrowRight: at + turned,
      ArrowLeft: at - turned,
      ArrowDown: this._below(at, 1),
      ArrowUp: this._below(at, -1),
      Home: 0,
      End: n - 1,
      PageDown: at + 50,
      PageUp: at - 50,
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

  /** The token one line below or above. @param {number} token @param {number} step */
  _below(token, step) {
    const here = this._piece(token)?.getBoundingClientRect();
    if (here === undefined) return token + step;
    const x = (here.left + here.right) / 2;
    let best = token,
      far = Infinity;
    /** @type {number | null} */
    let line = null;
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
