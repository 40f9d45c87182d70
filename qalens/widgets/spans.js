// All spans of one reading in the browser, from the logits of its windows.

/** Scores and probabilities of spans of tokens, from the logits of all windows; the same numbers as in Python. */
class Spans {
  constructor(ui) {
    const view = ui.get("view");
    const places = ui.ints("places"), chances = ui.floats("chances");
    const n = places.length / 2;
    this.n = n;
    this.view = view;
    this.longest = view.longest;
    this.begin = Int32Array.from({ length: n }, (_, t) => places[2 * t]);
    this.end = Int32Array.from({ length: n }, (_, t) => places[2 * t + 1]);
    this.within = chances.subarray(0, n);
    this.starts = chances.subarray(n, 2 * n);
    this.ends = chances.subarray(2 * n);
    this.logits = ui.floats("logits");
    let at = 0;
    this.windows = view.windows.map(([first, count]) => {
      const window = { first, last: first + count, start: at - first, end: at + count - first };
      at += 2 * count;
      return window;
    });
    this.total = view.log_total ?? Infinity;
    // Windows are sorted; for each token the first one that holds it.
    this.opening = new Int32Array(n);
    for (let w = this.windows.length - 1; w >= 0; w--) {
      this.opening.fill(w, this.windows[w].first, this.windows[w].last);
    }
  }
  /** The score of the span from token i to token j in the best window that holds both, and that window; or null. */
  score(i, j) {
    if (i < 0 || j >= this.n || j < i || j - i >= this.longest) return null;
    let best = null;
    for (let w = this.opening[i]; w < this.windows.length && this.windows[w].first <= i; w++) {
      const { last, start, end } = this.windows[w];
      if (j >= last) continue;
      const score = this.logits[start + i] + this.logits[end + j];
      if (best === null || score > best.score) best = { i, j, score, window: w };
    }
    return best;
  }
  /** P(span | answer) */
  given(span) {
    return Math.exp(span.score - this.total);
  }
  /** P(span), with no answer among the outcomes. */
  joint(span) {
    return Math.exp(span.score - this.view.log_normalizer);
  }
  /** Of the spans that start at a token and those that end there, the best. */
  bestOf(t) {
    let starting = null, ending = null;
    for (let k = 0; k < this.longest; k++) {
      const right = this.score(t, t + k), left = this.score(t - k, t);
      if (right !== null && (starting === null || right.score > starting.score)) starting = right;
      if (left !== null && (ending === null || left.score > ending.score)) ending = left;
    }
    return ending !== null && (starting === null || ending.score > starting.score) ? ending : starting;
  }
  /** The best span with exactly these characters; or null. */
  find(start, end) {
    let best = null;
    for (let i = this.tokenFrom(start); i < this.n && this.begin[i] <= start; i++) {
      if (this.begin[i] !== start) continue;
      for (let j = i; j < Math.min(this.n, i + this.longest) && this.begin[j] < end; j++) {
        if (this.end[j] !== end) continue;
        const span = this.score(i, j);
        if (span !== null && (best === null || span.score > best.score)) best = span;
      }
    }
    return best;
  }
  /** The first token that ends after a character. */
  tokenFrom(character) {
    return Math.min(this.n, lastAtMost(this.end, character) + 1);
  }
  characters(span) {
    return [this.begin[span.i], this.end[span.j]];
  }
  /** The largest logit of each token over the windows that hold it. */
  largest(which) {
    this.most ??= {};
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
