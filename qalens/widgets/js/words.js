// @ts-check
// Where the characters of a text begin, for Python, for JavaScript and for readers.

import { clamp } from "./numbers.js";

/** A text whose places Python counts in code points and JavaScript in UTF-16 units. */
export class Words {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    /** @type {Uint32Array | null} */
    this.map = null;
    if (/[\ud800-\udfff]/.test(text)) {
      const map = new Uint32Array(text.length + 1);
      let n = 0;
      for (let k = 0; k < text.length; k += (text.codePointAt(k) ?? 0) > 0xffff ? 2 : 1) map[n++] = k;
      map[n] = text.length;
      this.map = map.subarray(0, n + 1);
    }
    // Below U+0300 every unit but a carriage return is a character on its own.
    // biome-ignore lint/suspicious/noMisleadingCharacterClass: it is a range of units, not of characters as seen
    this.plain = !/[\r\u0300-\uffff]/.test(text);
    /** @type {Uint8Array | null} */
    this._edges = null;
  }
  get length() {
    return this.map === null ? this.text.length : this.map.length - 1;
  }
  /** The UTF-16 place of a code point. @param {number} point */
  unit(point) {
    const at = clamp(point, 0, this.length);
    return this.map === null ? at : this.map[at];
  }
  /** The code point that holds a UTF-16 place. @param {number} unit */
  point(unit) {
    return this.map === null ? unit : lastAtMost(this.map, unit);
  }
  /** The characters from one code point to another. @param {number} start @param {number} end */
  slice(start, end) {
    return this.text.slice(this.unit(start), this.unit(end));
  }
  /** Whether a cut before this UTF-16 place leaves whole what readers see as one character. @param {number} unit */
  whole(unit) {
    if (this.plain || unit <= 0 || unit >= this.text.length) return true;
    this._edges ??= graphemeEdges(this.text);
    return this._edges[unit] === 1;
  }
}

/** @param {string} text */
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

/**
 * Pairs of places, as they come one after the other, as where each begins and where it ends.
 *
 * @param {Int32Array} places
 */
export function pairs(places) {
  /** @param {0 | 1} side */
  const at = side => Int32Array.from({ length: places.length / 2 }, (_, k) => places[2 * k + side]);
  return { begin: at(0), end: at(1) };
}

/**
 * The last index of a sorted array whose value is at most `x`; -1 where none is.
 *
 * @param {ArrayLike<number>} sorted @param {number} x
 */
export function lastAtMost(sorted, x) {
  let low = 0,
    high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * A text on one line, its end left out where it is long, never within what is seen as one character.
 *
 * @param {string} text @param {number} most
 */
export function cut(text, most) {
  const line = text.replace(/\s+/g, " ").trim();
  if (line.length <= most) return line;
  const words = new Words(line.slice(0, most + 60));
  let end = most;
  while (end > 0 && !words.whole(end)) end -= 1;
  return `${line.slice(0, end)}…`;
}

/**
 * A text on one line with its middle left out, cut between characters as seen.
 *
 * @param {string} text @param {number} most
 */
export function cutMiddle(text, most) {
  const line = text.replace(/\s+/g, " ").slice(0, 4000);
  if (line.length <= most && text.length <= 4000) return line;
  const words = new Words(line);
  let head = Math.min(most - 10, line.length),
    tail = Math.max(head, line.length - 9);
  while (head > 0 && !words.whole(head)) head -= 1;
  while (tail < line.length && !words.whole(tail)) tail += 1;
  return `${line.slice(0, head)}…${line.slice(tail)}`;
}
