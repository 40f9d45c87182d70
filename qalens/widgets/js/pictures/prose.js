// @ts-check
// A text on the page: painted by ranges, and walked through with a pointer or keys.

import { freshId, h } from "../dom.js";
import { clamp } from "../numbers.js";
import { lastAtMost, Words } from "../words.js";
import { Pieces } from "./prose_pieces.js";

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
  /** @type {ArrayLike<number> | null} */
  values = null;
  most = 1;
  signed = false;
  /** @type {Map<string, [number, number][]>} */
  marks = new Map();
  /** @type {Map<number, number>} */
  numbers = new Map();
  cursor = -1;
  anchor = -1;
  /** Where the cursor starts. */
  home = 0;

  /**
   * @param {Ui} ui
   * @param {ProseOptions} options
   */
  constructor(
    ui,
    {
      text,
      begin,
      end,
      label,
      describe = () => "",
      hover = () => {},
      pick = () => {},
      move = () => {},
      key = () => false,
      tall = 340,
    },
  ) {
    this.ui = ui;
    this.words = text instanceof Words ? text : new Words(text);
    this.describe = describe;
    this.hover = hover;
    this.pick = pick;
    this.move = move;
    this.key = key;
    this.begin = begin;
    this.end = end;
    this.pieces = new Pieces(this.words, begin, end);
    this.first = this.pieces.first;
    this.el = flowElement(label, tall);
    this.blocks = this._blocks();
    this.lows = Int32Array.from(this.blocks, block => block.low);
    this._watch();
    this._listen();
  }

  /** @returns {Block[]} */
  _blocks() {
    /** @type {Block[]} */
    const blocks = [];
    const { n } = this.pieces;
    for (let p = 0; p < n; ) {
      let q = Math.min(n, p + PIECES_IN_BLOCK);
      // A block ends at a blank, so that no word is laid out in two parts.
      while (q < n && this.first[q] >= 0 && q < p + 2 * PIECES_IN_BLOCK) q += 1;
      const el = h("span", { class: "ql-block", "data-b": blocks.length }, this.pieces.text(p, q));
      this.el.append(el);
      blocks.push({ low: p, high: q, el, live: false });
      p = q;
    }
    return blocks;
  }

  _watch() {
    const size = new ResizeObserver(() =>
      this.el.classList.toggle("ql-scrolls", this.el.scrollHeight > this.el.clientHeight + 1),
    );
    size.observe(this.el);
    this.ui.done(() => size.disconnect());
    this._watchBlocks();
  }

  /** Only what is near to what is seen is made of elements. */
  _watchBlocks() {
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
      const [kind, role] = this.first[p] >= 0 ? ["ql-tok", "option"] : ["ql-gap", "none"];
      pieces.push(h("span", { class: kind, role, "data-p": p }, this.pieces.text(p, p + 1)));
    }
    block.el.replaceChildren(...pieces);
    this._paintRun(block.low, block.high - 1);
  }

  /** @param {Block} block */
  _sleep(block) {
    if (!block.live || block.el.contains(document.activeElement)) return;
    block.live = false;
    block.el.replaceChildren(this.pieces.text(block.low, block.high));
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
    const now = ranges.map(([a, b]) => this.pieces.run(a, b));
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
    this.numbers = new Map(ranges.map(([number, start]) => [this.pieces.run(start, start)[0], number]));
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
    this._paintRun(0, this.pieces.n - 1);
  }

  /** @param {Piece} piece @param {number} p */
  _paintPiece(piece, p) {
    const value = this._value(p);
    const level = Number.isFinite(value) ? Math.min(100, Math.round((100 * Math.abs(value)) / this.most)) : 0;
    const names = this._classOf(p, level === 0 ? 0 : value);
    const number = this.numbers.get(p);
    const key = `${names}|${level}|${number}`;
    if (piece.qlKey === key) return;
    piece.qlKey = key;
    piece.className = names;
    if (number === undefined) delete piece.dataset.n;
    else piece.dataset.n = String(number);
    if (level > 0) piece.style.setProperty("--v", `${level}%`);
    else piece.style.removeProperty("--v");
    if (this.first[p] >= 0) piece.setAttribute("aria-selected", String(names.includes("ql-mark-selected")));
  }

  /** What a piece is: a token or not, its shade, its marks, and the cursor. @param {number} p @param {number} value */
  _classOf(p, value) {
    let names = this.first[p] >= 0 ? "ql-tok" : "ql-gap";
    if (value !== 0) names += this.signed ? ` ql-v ql-v-${value < 0 ? "against" : "for"}` : " ql-p";
    for (const [name, ranges] of this.marks) {
      for (const [low, high] of ranges) {
        if (low <= p && p <= high)
          names += ` ql-mark-${name}${p === low ? ` ql-first-${name}` : ""}${p === high ? ` ql-last-${name}` : ""}`;
      }
    }
    return this.cursor >= 0 && this.pieces.of[this.cursor] === p ? `${names} ql-cursor` : names;
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
    for (let t = this.first[p]; t <= this.pieces.last[p]; t++) {
      if (Math.abs(this.values[t]) > Math.abs(best)) best = this.values[t];
    }
    return best;
  }

  /** The piece of a token, made an element if it was not. @param {number} token @returns {Piece | null} */
  _piece(token) {
    const p = this.pieces.of[token];
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
    this._paintToken(before);
    this._paintToken(token);
    const piece = this._piece(token);
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

  /** @param {number} token */
  _paintToken(token) {
    const piece = this._piece(token);
    if (piece !== null) this._paintPiece(piece, this.pieces.of[token]);
  }

  _listen() {
    const { ui, el } = this;
    ui.listen(el, "pointermove", event => this._point(event));
    ui.listen(el, "pointerleave", () => this.hover(null));
    ui.listen(el, "pointerdown", event => this._press(event));
    // Not on click: a drag from one token to another is no click on either.
    ui.listen(el, "pointerup", event => this._release(event));
    // What presses without a pointer, such as a screen reader.
    ui.listen(el, "click", event => {
      const token = this.tokenAt(event);
      if (event.detail === 0 && token >= 0) this.pick(token, token);
    });
    ui.listen(el, "focus", () => this.cursor < 0 && this.begin.length > 0 && this.go(this.home));
    ui.listen(el, "blur", () => this.hover(null));
    ui.listen(el, "keydown", event => this._key(event));
    ui.listen(el, "copy", event => this._copy(event));
    // On paper the whole text is seen, with all its marks.
    ui.listen(window, "beforeprint", () => this.blocks.forEach(block => this._wake(block)));
  }

  /** @param {PointerEvent} event */
  _point(event) {
    const token = this.tokenAt(event);
    if (this.anchor >= 0 && event.buttons === 1 && token >= 0) this._select(token);
    this.hover(token < 0 ? null : token);
  }

  /** @param {PointerEvent} event */
  _press(event) {
    const token = this.tokenAt(event);
    if (token < 0 || event.button !== 0) return;
    this.anchor = event.shiftKey && this.cursor >= 0 ? this.cursor : token;
  }

  /** @param {PointerEvent} event */
  _release(event) {
    const token = this.tokenAt(event),
      from = this._letGo();
    if (token < 0 || from < 0 || event.button !== 0) return;
    this.go(token, { quiet: true });
    this.pick(Math.min(from, token), Math.max(from, token));
  }

  /** Let go of the run of tokens that was being chosen; returns the token where it began, or -1. */
  _letGo() {
    const from = this.anchor;
    this.anchor = -1;
    this.mark("choosing", []);
    return from;
  }

  /**
   * Copy what is selected, else the whole text: a drag over it chooses a span and marks nothing for the browser.
   *
   * @param {ClipboardEvent} event
   */
  _copy(event) {
    const ranges = this.marks.get("selected") ?? [];
    const chosen = ranges.map(([low, high]) => this.pieces.text(low, high + 1)).join(" … ");
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
    const at = Math.max(0, this.cursor),
      to = this._keyed(event.key, at);
    if (to !== undefined) this._walk(at, to, event.shiftKey);
    else if (event.key === "Enter" || event.key === " ") {
      const began = this._letGo(),
        from = began >= 0 ? began : at;
      this.pick(Math.min(from, at), Math.max(from, at));
    } else if (!this.key(event, at)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Where a key moves the cursor; undefined for any other key. @param {string} key @param {number} at */
  _keyed(key, at) {
    if (key === "ArrowDown" || key === "ArrowUp") return this._below(at, key === "ArrowDown" ? 1 : -1);
    const turned = getComputedStyle(this.el).direction === "rtl" ? -1 : 1;
    return {
      ArrowRight: at + turned,
      ArrowLeft: at - turned,
      Home: 0,
      End: this.begin.length - 1,
      PageDown: at + 50,
      PageUp: at - 50,
    }[key];
  }

  /**
   * Move the cursor, and with it the end of what is being chosen.
   *
   * @param {number} at @param {number} to @param {boolean} choosing
   */
  _walk(at, to, choosing) {
    if (!choosing) this._letGo();
    else if (this.anchor < 0) this.anchor = at;
    this.go(clamp(to, 0, this.begin.length - 1));
    if (choosing) this._select(this.cursor);
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

/** @param {string} label @param {number} tall */
function flowElement(label, tall) {
  const el = h("div", {
    class: "ql-text",
    role: "listbox",
    tabindex: 0,
    dir: "auto",
    lang: "",
    "aria-label": label,
    "aria-multiselectable": "true",
  });
  // On a telephone and in long texts the flow scrolls within its own box.
  el.style.setProperty("--tall", `${tall}px`);
  return el;
}
