// @ts-check
// All spans of one reading in the browser, from the logits of its windows.

import { lastAtMost, pairs } from "../words.js";

/** @import { Span, SpanView, SpanWindow, Stretch } from "../types" */
/** @import { Ui } from "../ui.js" */

/** Scores and probabilities of spans of tokens, from the logits of all windows; the same numbers as in Python. */
export class Spans {
  /** @param {Ui} ui */
  constructor(ui) {
    /** @type {SpanView} */
    const view = ui.get("view");
    const tokens = pairs(ui.ints("places")),
      chances = ui.floats("chances");
    const n = tokens.begin.length;
    this.n = n;
    this.view = view;
    this.longest = view.longest;
    this.begin = tokens.begin;
    this.end = tokens.end;
    this.within = chances.subarray(0, n);
    this.starts = chances.subarray(n, 2 * n);
    this.ends = chances.subarray(2 * n);
    this.logits = ui.floats("logits");
    this.windows = windowsOf(view);
    this.opening = openingOf(this.windows, n);
    /** @type {Record<string, Float32Array>} */
    this.most = {};
  }
  /**
   * The score of the span from token i to token j in the best window that holds both, and that window; or null.
   *
   * @param {number} i @param {number} j @returns {Span | null}
   */
  score(i, j) {
    if (i < 0 || j >= this.n || j < i || j - i >= this.longest) return null;
    /** @type {Span | null} */
    let best = null;
    for (let w = this.opening[i]; w < this.windows.length && this.windows[w].first <= i; w++) {
      const { last, start, end } = this.windows[w];
      if (j >= last) continue;
      const score = this.logits[start + i] + this.logits[end + j];
      if (best === null || score > best.score) best = { i, j, score, window: w };
    }
    return best;
  }
  /** P(span | answer) @param {Span} span */
  given(span) {
    return Math.exp(span.score - (this.view.log_total ?? Infinity));
  }
  /** P(span), with no answer among the outcomes. @param {Span} span */
  joint(span) {
    return Math.exp(span.score - this.view.log_normalizer);
  }
  /** Of the spans that start at a token and those that end there, the best. @param {number} t @returns {Span | null} */
  bestOf(t) {
    let starting = null,
      ending = null;
    for (let k = 0; k < this.longest; k++) {
      starting = better(starting, this.score(t, t + k));
      ending = better(ending, this.score(t - k, t));
    }
    return better(starting, ending);
  }
  /**
   * The best span with exactly these characters; or null.
   *
   * @param {number} start @param {number} end @returns {Span | null}
   */
  find(start, end) {
    /** @type {Span | null} */
    let best = null;
    for (let i = this.tokenFrom(start); i < this.n && this.begin[i] <= start; i++) {
      if (this.begin[i] !== start) continue;
      for (let j = i; j < Math.min(this.n, i + this.longest) && this.begin[j] < end; j++) {
        if (this.end[j] === end) best = better(best, this.score(i, j));
      }
    }
    return best;
  }
  /** The first token that ends after a character. @param {number} character */
  tokenFrom(character) {
    return Math.min(this.n, lastAtMost(this.end, character) + 1);
  }
  /** @param {{ i: number, j: number }} span @returns {Stretch} */
  characters(span) {
    return [this.begin[span.i], this.end[span.j]];
  }
  /** The largest logit of each token over the windows that hold it. @param {"start" | "end"} which */
  largest(which) {
    if (this.most[which] === undefined) {
      const most = new Float32Array(this.n).fill(-Infinity);
      for (const window of this.windows) {
        for (let t = window.first; t < window.last; t++) most[t] = Math.max(most[t], this.logits[window[which] + t]);
      }
      this.most[which] = most;
    }
    return this.most[which];
  }
}

/** The tokens of each window, and where its logits are. @param {SpanView} view @returns {SpanWindow[]} */
function windowsOf({ windows }) {
  let at = 0;
  return windows.map(([first, count]) => {
    const window = { first, last: first + count, start: at - first, end: at + count - first };
    at += 2 * count;
    return window;
  });
}

/** For each token the first window that holds it; windows are sorted. @param {SpanWindow[]} windows @param {number} n */
function openingOf(windows, n) {
  const opening = new Int32Array(n);
  for (let w = windows.length - 1; w >= 0; w--) opening.fill(w, windows[w].first, windows[w].last);
  return opening;
}

/** Of two spans that with the higher score, else the first. @param {Span | null} a @param {Span | null} b */
function better(a, b) {
  return b !== null && (a === null || b.score > a.score) ? b : a;
}
