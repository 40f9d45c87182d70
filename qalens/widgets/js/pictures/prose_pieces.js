// @ts-check
// A text in pieces: its tokens, and what lies between them.

import { lastAtMost } from "../words.js";

/** @import { Stretch } from "../types" */
/** @import { Words } from "../words.js" */

/**
 * A text cut where its tokens begin and end, but never within what a reader sees as one character.
 *
 * - `from`: where each piece begins, in UTF-16 units, and where the last one ends
 * - `first`, `last`: the tokens that each piece shows; -1 for what lies between tokens
 * - `of`: the first piece of each token; -1 for one without characters
 */
export class Pieces {
  /** @param {Words} words @param {ArrayLike<number>} begin @param {ArrayLike<number>} end */
  constructor(words, begin, end) {
    this.words = words;
    this.from = placesToCut(words, begin, end);
    this.n = Math.max(0, this.from.length - 1);
    this.first = new Int32Array(this.n).fill(-1);
    this.last = new Int32Array(this.n).fill(-1);
    this.of = new Int32Array(begin.length).fill(-1);
    for (let t = 0; t < begin.length; t++) {
      if (words.unit(end[t]) <= words.unit(begin[t])) continue;
      const [low, high] = this.run(begin[t], end[t]);
      this.of[t] = low;
      for (let p = low; p <= high; p++) {
        if (this.first[p] < 0) this.first[p] = t;
        this.last[p] = Math.max(this.last[p], t);
      }
    }
  }
  /** The first and the last piece of some code points. @param {number} start @param {number} end @returns {Stretch} */
  run(start, end) {
    const a = this.words.unit(start),
      b = this.words.unit(end);
    return [lastAtMost(this.from, a), lastAtMost(this.from, Math.max(a, b - 1))];
  }
  /** The text from one piece up to another. @param {number} p @param {number} q */
  text(p, q) {
    return this.words.text.slice(this.from[p], this.from[q]);
  }
}

/** @param {Words} words @param {ArrayLike<number>} begin @param {ArrayLike<number>} end */
function placesToCut(words, begin, end) {
  const cuts = new Set([0, words.text.length]);
  for (let t = 0; t < begin.length; t++) {
    const a = words.unit(begin[t]),
      b = words.unit(end[t]);
    if (b <= a) continue;
    if (words.whole(a)) cuts.add(a);
    if (words.whole(b)) cuts.add(b);
  }
  return Int32Array.from(cuts).sort();
}
