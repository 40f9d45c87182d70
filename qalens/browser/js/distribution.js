// @ts-check
// From the logits of windows to one distribution over all legal spans and no answer: the same numbers as in Python.

/**
 * @typedef {import("./windows.js").Window} Window
 * @typedef {{start: number, end: number, score: number, window: number, i: number, j: number}} Span
 * @typedef {{best: Span, probability: number, spans: Span[]}} Cluster  Its spans from the best to the worst.
 * @typedef {{begin: Int32Array, finish: Int32Array}} Edges
 */

// What Python's str.isspace holds to be a blank.
const isBlank = (/** @type {string} */ c) => /^\p{White_Space}$/u.test(c) || (c >= "\u001c" && c <= "\u001f");

/**
 * Where each token begins and ends without the blanks at its edges.
 * @param {string[]} characters @param {import("./tokenizer.js").Encoding} text
 */
export function trimmedEdges(characters, text) {
  const n = text.starts.length;
  const begin = new Int32Array(n),
    finish = new Int32Array(n);
  if (!n) return { begin, finish };
  const left = Math.min(...bounds(text.starts)),
    right = Math.max(...bounds(text.ends));
  const next = new Int32Array(right + 2).fill(right),
    before = new Int32Array(right + 2).fill(left);
  for (let k = right - 1; k >= left; k--) next[k] = isBlank(characters[k]) ? next[k + 1] : k;
  for (let k = left + 1; k <= right; k++) before[k] = isBlank(characters[k - 1]) ? before[k - 1] : k;
  for (let t = 0; t < n; t++) {
    begin[t] = next[text.starts[t]];
    finish[t] = before[text.ends[t]];
  }
  return widened(characters, begin, finish);
}

/** Edges moved outwards until none stands inside of what readers see as one character; a blank ends it. */
function widened(
  /** @type {string[]} */ characters,
  /** @type {Int32Array} */ begin,
  /** @type {Int32Array} */ finish,
) {
  const whole = new Uint8Array(characters.length + 1).fill(1);
  let place = 0;
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(characters.join(""))) {
    const size = Array.from(segment).length;
    for (let k = place + 1; k < place + size; k++) whole[k] = isBlank(characters[k - 1]) ? 1 : 0;
    place += size;
  }
  for (let t = 0; t < begin.length; t++) {
    while (!whole[begin[t]]) begin[t]--;
    while (!whole[finish[t]]) finish[t]++;
  }
  return { begin, finish };
}

/** The least and the largest of many numbers, without spreading them over a call. */
function bounds(/** @type {number[]} */ values) {
  let low = Infinity,
    high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** The distribution of a text, from the logits of all its windows. */
export function distributionOf(
  /** @type {string} */ context,
  /** @type {import("./tokenizer.js").Encoding} */ text,
  /** @type {Window[]} */ windows,
  /** @type {{start: Float32Array, end: Float32Array}[]} */ logits,
  /** @type {number} */ longest,
) {
  const characters = Array.from(context);
  return new Distribution(characters, trimmedEdges(characters, text), windows, logits, longest);
}

export class Distribution {
  /**
   * @param {string[]} characters @param {Edges} edges @param {Window[]} windows
   * @param {{start: Float32Array, end: Float32Array}[]} logits  Of each window, over its tokens.
   * @param {number} longest  The longest answer in tokens.
   */
  constructor(characters, edges, windows, logits, longest) {
    this.characters = characters;
    this.edges = edges;
    this.windows = windows;
    this.logits = logits;
    this.longest = longest;
    this.spans = legalSpans(edges, windows, logits, longest);
    this.logTotal = logSumExp(this.spans.map(span => span.score));
    this.nullScores = windows.map(({ nullIndex }, w) => logits[w].start[nullIndex] + logits[w].end[nullIndex]);
    this.nullScore = Math.min(...bounds(this.nullScores));
    this.logNormalizer = logSumExp([this.nullScore, this.logTotal]);
    this.best = this.spans.reduce(
      (best, span) => (best === null || span.score > best.score ? span : best),
      /** @type {Span | null} */ (null),
    );
  }
  /** Null score minus the score of the best span. */
  get margin() {
    return this.best === null ? Infinity : this.nullScore - this.best.score;
  }
  get noAnswer() {
    return Math.exp(this.nullScore - this.logNormalizer);
  }
  /** What one window says alone. */
  alone(/** @type {number} */ w) {
    return new Distribution(this.characters, this.edges, [this.windows[w]], [this.logits[w]], this.longest);
  }
  /** P(span) */
  probability(/** @type {Span} */ span) {
    return Math.exp(span.score - this.logNormalizer);
  }
  /** P(span | answer) */
  given(/** @type {Span} */ span) {
    return Math.exp(span.score - this.logTotal);
  }
  textOf(/** @type {{start: number, end: number}} */ span) {
    return this.characters.slice(span.start, span.end).join("");
  }
  /** For each character the probability that it is in the answer, if there is one. */
  inclusion() {
    const change = new Float64Array(this.characters.length + 1);
    for (const span of this.spans) {
      const p = this.given(span);
      change[span.start] += p;
      change[span.end] -= p;
    }
    let sum = 0;
    return Float64Array.from(this.characters, (_, k) => {
      sum += change[k];
      return Math.min(1, Math.max(0, sum));
    });
  }
  /** Each span in one cluster with the best span that it overlaps and that leads one; most probable cluster first. */
  clusters() {
    /** @type {Cluster[]} */
    const found = [];
    const order = this.spans.map((span, k) => ({ span, k })).sort((a, b) => b.span.score - a.span.score || a.k - b.k);
    const held = new Int32Array(this.characters.length).fill(order.length);
    for (const { span } of order) {
      let best = order.length;
      for (let k = span.start; k < span.end; k++) best = Math.min(best, held[k]);
      if (best === order.length) {
        held.fill(found.length, span.start, span.end);
        found.push({ best: span, probability: this.probability(span), spans: [span] });
      } else {
        found[best].probability += this.probability(span);
        found[best].spans.push(span);
      }
    }
    return found.sort((a, b) => b.probability - a.probability);
  }
}

/** The distinct character spans that are legal, sorted by start, then end, each with its best copy. */
function legalSpans(
  /** @type {Edges} */ { begin, finish },
  /** @type {Window[]} */ windows,
  /** @type {{start: Float32Array, end: Float32Array}[]} */ logits,
  /** @type {number} */ longest,
) {
  /** @type {Map<number, Span>} */
  const best = new Map();
  const width = (finish.length ? bounds(Array.from(finish))[1] : 0) + 1;
  windows.forEach(({ first, count, from }, window) => {
    const { start, end } = logits[window];
    for (let i = first; i < first + count; i++) {
      for (let j = i; j < Math.min(first + count, i + longest); j++) {
        const score = start[from + i - first] + end[from + j - first];
        if (begin[i] >= finish[j] || score === -Infinity) continue;
        const key = begin[i] * width + finish[j];
        const known = best.get(key);
        // Of equal copies that of the first window counts, there the first.
        if (known === undefined || score > known.score)
          best.set(key, { start: begin[i], end: finish[j], score, window, i, j });
      }
    }
  });
  return [...best.values()].sort((a, b) => a.start - b.start || a.end - b.end);
}

export function logSumExp(/** @type {Iterable<number>} */ values) {
  let top = -Infinity;
  for (const value of values) top = Math.max(top, value);
  if (top === -Infinity) return top;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - top);
  return top + Math.log(sum);
}
