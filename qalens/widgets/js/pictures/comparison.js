// @ts-check
// The numbers of two readings side by side, over the characters of both texts as one flow.

import { clamp } from "../numbers.js";
import { lastAtMost, pairs, Words } from "../words.js";

/** @import { CompareHover, CompareRow, Picture, Stretch, StretchKind } from "../types" */
/** @import { Ui } from "../ui.js" */

/** The characters of two texts as one flow, each with its probability before and after, and its words. */
class Flow {
  /** @param {Ui} ui @param {string} text */
  constructor(ui, text) {
    const words = pairs(ui.ints("words")),
      inclusion = ui.floats("inclusion");
    this.n = inclusion.length / 2;
    this.flow = new Words(text);
    this.before = inclusion.subarray(0, this.n);
    this.after = inclusion.subarray(this.n);
    this.begin = words.begin;
    this.end = words.end;
    // What a text does not have was, or is, not in the answer.
    this.change = Float32Array.from(this.after, (p, k) => (p || 0) - (this.before[k] || 0));
    this.most = this.change.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    this.after_of = this._afters();
    /** @type {Int32Array | null} */
    this.known = null;
  }
  /** For each character of the flow its place in the text after, or -1. */
  _afters() {
    const places = new Int32Array(this.n).fill(-1);
    let at = 0;
    for (let k = 0; k < this.n; k++) if (!Number.isNaN(this.after[k])) places[k] = at++;
    return places;
  }
  /** @param {number} place */
  wordAt(place) {
    const word = lastAtMost(this.begin, place);
    return word >= 0 && place < this.end[word] ? word : -1;
  }
  /** The largest change within a word, with its sign. @param {number} word */
  changeOf(word) {
    let best = 0;
    for (let k = this.begin[word]; k < this.end[word]; k++)
      if (Math.abs(this.change[k]) > Math.abs(best)) best = this.change[k];
    return best;
  }
  /**
   * The characters of the flow as a range of the text after, or null where none is in it.
   *
   * @param {number} from @param {number} to @returns {Stretch | null}
   */
  toAfter(from, to) {
    let low = -1,
      high = -1;
    for (let k = from; k < to; k++) {
      if (this.after_of[k] < 0) continue;
      if (low < 0) low = this.after_of[k];
      high = this.after_of[k] + 1;
    }
    return low < 0 ? null : [low, high];
  }
  /** A range of the text after as ranges of the flow. @param {Stretch} range */
  toFlow([from, to]) {
    /** @type {Stretch[]} */
    const found = [];
    for (let k = this.placeOf(from); k < this.n && this.after_of[k] < to; k++) {
      if (this.after_of[k] < 0) continue;
      const last = found[found.length - 1];
      if (last !== undefined && last[1] === k) last[1] = k + 1;
      else found.push([k, k + 1]);
    }
    return found;
  }
  /** @param {number} character */
  placeOf(character) {
    // The places rise where they are not -1.
    this.known ??= Int32Array.from([...this.after_of.keys()].filter(k => this.after_of[k] >= 0));
    return this.known[clamp(character, 0, this.known.length - 1)];
  }
}

/** The numbers of the difference that is shown now; the places are characters of the flow of both texts. */
export class Comparison extends Flow {
  /** @param {Ui} ui */
  constructor(ui) {
    /** @type {Picture} */
    const shown = ui.get("picture");
    super(ui, shown.text);
    this.stretches = shown.stretches;
    this.starts = Int32Array.from(shown.stretches, ([, start]) => start);
    this.labels = shown.labels;
    this.sides = shown.sides;
    this.became = shown.became;
    this.none = shown.none;
    this.distance = shown.distance;
    this.gone = shown.gone;
    this.new = shown.new;
    this.spans = shown.spans;
  }
  /** @param {number} place */
  kindAt(place) {
    return this.stretches[lastAtMost(this.starts, place)][0];
  }
  /** The stretches of one kind as [start, end). @param {StretchKind} kind @returns {Stretch[]} */
  ranges(kind) {
    return this.stretches.flatMap(([one, start], k) =>
      one === kind ? [[start, this.stretches[k + 1]?.[1] ?? this.n]] : [],
    );
  }
  /** The most probable listed span that holds a word of the text after, or null. @param {number} word */
  bestWith(word) {
    const from = this.begin[word];
    return (
      this.spans.find(({ after, ranges }) => after !== null && ranges.some(([a, b]) => a <= from && from < b)) ?? null
    );
  }
  /** Whether a span holds characters of one kind. @param {CompareRow} row @param {StretchKind} kind */
  holds({ ranges }, kind) {
    return ranges.some(([a, b]) => {
      for (let k = lastAtMost(this.starts, a); k < this.stretches.length && this.starts[k] < b; k++) {
        if (this.stretches[k][0] === kind) return true;
      }
      return false;
    });
  }
  /** The characters of what is pointed at. @param {CompareHover} hover @returns {Stretch[]} */
  rangesOf(hover) {
    return hover.row ? hover.row.ranges : [[this.begin[hover.word], this.end[hover.word]]];
  }
  /** @param {Stretch} selected */
  rowOf(selected) {
    return this.spans.find(({ after }) => after !== null && after.join() === selected.join()) ?? null;
  }
}
