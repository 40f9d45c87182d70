// @ts-check
// What the explorers of spans and of no answer show, made of a distribution: the same JSON as `span_view`, `span_arrays`
// and `no_answer_view` make in Python, without the decision, which the page makes at its own threshold.

import { fmt, NO_ANSWER } from "../../widgets/js/numbers.js";
import { cut, cutMiddle } from "../../widgets/js/words.js";
import { logSumExp } from "./distribution.js";

/**
 * @typedef {import("./distribution.js").Distribution} Distribution
 * @typedef {import("./distribution.js").Span} Span
 * @typedef {import("./distribution.js").Cluster} Cluster
 */

const LEAST = 0.0005, // what would round to a probability of 0.000 is not shown
  MOST_GROUPS = 5,
  MOST_COPIES = 3,
  SHOWN = 300, // characters of a question and of an answer
  LISTED = 120, // characters of a span in a list
  CUT = 0.1; // the probability from which a place is one of several answers
// What a text without any span leaves out.
const NO_BEST = { best: null, rival: null, log_total: null, ranking: [], below: [] };

const finite = (/** @type {number} */ x) => (Number.isFinite(x) ? x : null);
const sum = (/** @type {Iterable<number>} */ values) => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};
/** A line without quotations. */
const unquoted = (/** @type {string} */ text) => [[text, false]];
/** −Σ p log₂ p; zeros count nothing. */
const entropy = (/** @type {number[]} */ p) => 0 - sum(p.map(one => (one > 0 ? one * Math.log2(one) : 0)));

/** Where it answers, the best span of each place that is an answer as [number, start, end]; none for a single one. */
function listed(/** @type {Cluster[]} */ clusters, /** @type {Span | null} */ best) {
  const taken = clusters.filter(place => place.probability >= CUT || place.best === best);
  return taken.length > 1 ? taken.map((place, k) => [k + 1, place.best.start, place.best.end]) : [];
}

/**
 * What the explorer of spans shows, without `head` and `answer`; `below` is without what the decision needs, and `numbers` are
 * those of an answer.
 */
export function spanView(/** @type {Distribution} */ found) {
  const clusters = found.clusters(),
    groups = groupsOf(found, clusters);
  return {
    context: found.characters.join(""),
    none: found.noAnswer,
    longest: found.longest,
    log_normalizer: found.logNormalizer,
    null: nullLogits(found),
    windows: found.windows.map(({ first, count }) => [first, count]),
    documents: null,
    picks: groups.flatMap(group => [group.best, ...group.copies].map(row => row.span)),
    numbers: listed(clusters, found.best),
    set: null,
    ...(found.best === null ? NO_BEST : bestView(found, found.best, clusters, groups)),
  };
}

/** The best span, its strongest rival elsewhere, and what is said of all spans. */
function bestView(
  /** @type {Distribution} */ found,
  /** @type {Span} */ best,
  /** @type {Cluster[]} */ clusters,
  /** @type {ReturnType<typeof groupsOf>} */ groups,
) {
  const rival = groups.find(({ best: one, given }) => given >= LEAST && !overlap(one.span, [best.start, best.end]));
  return {
    best: answerOf(found, best),
    rival: rival ? answerOf(found, rival.of) : null,
    log_total: finite(found.logTotal),
    ranking: [ranking(groups)],
    below: [uncertaintyNode(uncertainty(found, clusters)), classicNode(classic(found, best))],
  };
}

/** The numbers of each token that travel beside it. */
export function spanArrays(/** @type {Distribution} */ found) {
  const { begin, finish } = found.edges;
  const places = Int32Array.from({ length: 2 * begin.length }, (_, k) => (k % 2 ? finish : begin)[k >> 1]);
  return { places, logits: textLogits(found), chances: chancesOf(found) };
}

/** Of each token the probability to be in the answer; of each that it starts it; of each that it ends it. */
function chancesOf(/** @type {Distribution} */ found) {
  const { begin, finish } = found.edges;
  const n = begin.length,
    inclusion = found.inclusion();
  const start = new Float64Array(n),
    end = new Float64Array(n);
  for (const span of found.spans) {
    const p = found.given(span);
    start[span.i] += p;
    end[span.j] += p;
  }
  const within = Array.from(begin, (from, t) => (from < finish[t] ? inclusion[from] : 0));
  return Float32Array.from([...within, ...start, ...end]);
}

/** The start logits of the text in each window, then its end logits there. */
function textLogits(/** @type {Distribution} */ found) {
  const parts = found.windows.flatMap(({ from, count }, w) =>
    [found.logits[w].start, found.logits[w].end].map(logits => logits.subarray(from, from + count)),
  );
  const all = new Float32Array(sum(parts.map(part => part.length)));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** What the explorer of no answer shows of one reading. */
export function noAnswerView(
  /** @type {Distribution} */ found,
  /** @type {string} */ question,
  /** @type {import("./tokenizer.js").Encoding} */ text,
) {
  const reading = {
    question: cut(question, SHOWN),
    ...bestWords(found),
    null: finite(found.nullScore),
    margin: finite(found.margin),
    p: found.best === null ? null : found.probability(found.best),
    golds: null,
    f1: null,
    outcome: null,
    rule: "min",
    windows: found.windows.map((_, w) => windowView(found, w, text)),
  };
  return { readings: [reading], curve: null, promise: null, heads: heads(found, question) };
}

/** What one window says alone, and the characters that it holds. */
function windowView(
  /** @type {Distribution} */ found,
  /** @type {number} */ w,
  /** @type {import("./tokenizer.js").Encoding} */ text,
) {
  const { first, count } = found.windows[w];
  return {
    null: finite(found.nullScores[w]),
    ...bestWords(found.windows.length === 1 ? found : found.alone(w)),
    held: count ? [text.starts[first], text.ends[first + count - 1]] : null,
    document: null,
  };
}

/** The best span with its score, and the probability of no answer. */
function bestWords(/** @type {Distribution} */ found) {
  const { best, noAnswer: none } = found;
  if (best === null) return { best: null, score: null, none };
  return { best: cutMiddle(found.textOf(best), LISTED), score: finite(best.score), none };
}

/** What the head says of a reading where it abstains, and where it answers: lines as [text, whether it is quoted]. */
function heads(/** @type {Distribution} */ found, /** @type {string} */ question) {
  const asked = cut(question, SHOWN),
    none = fmt.percent(found.noAnswer);
  const abstains = {
    asked,
    said: unquoted(NO_ANSWER),
    number: none,
    tone: "none",
    notes: [unquoted("probability of no answer")],
    below: [abstention(found, none)],
  };
  return [abstains, found.best === null ? abstains : { asked, ...answerHead(found, found.best) }];
}

/** What the head says of an answer. */
function answerHead(/** @type {Distribution} */ found, /** @type {Span} */ best) {
  const near = found.spans.filter(span => overlap([span.start, span.end], [best.start, best.end]));
  return {
    said: [[cut(found.textOf(best), SHOWN), true]],
    number: fmt.percent(Math.min(1, sum(near.map(span => found.probability(span))))),
    tone: "answer",
    notes: [
      unquoted("probability that the answer is here"),
      unquoted(`${fmt.percent(found.probability(best))} for exactly these words`),
    ],
    below: [],
  };
}

/** Why there is no answer, in one plain sentence. */
function abstention(/** @type {Distribution} */ found, /** @type {string} */ none) {
  const { best } = found;
  if (best === null) return [["The model gives no answer: the text holds nothing that it could answer with.", false]];
  return [
    ["The model gives no answer: its best span, ", false],
    ["“", false],
    [cutMiddle(found.textOf(best), 60), true],
    ["”", false],
    [`, has a probability of ${fmt.percent(found.probability(best))}, no answer one of ${none}.`, false],
  ];
}

/** Where the logits of a span stand in its window. */
function tokensOf(/** @type {Distribution} */ found, /** @type {Span} */ { i, j, window }) {
  const { from, first } = found.windows[window];
  return { start: from + i - first, end: from + j - first };
}

function answerOf(/** @type {Distribution} */ found, /** @type {Span} */ span) {
  return {
    text: cutMiddle(found.textOf(span), SHOWN),
    span: [span.start, span.end],
    p: found.probability(span),
    score: finite(span.score),
    window: span.window,
  };
}

function overlap(/** @type {number[]} */ [a, b], /** @type {number[]} */ [c, d]) {
  return a < d && b > c;
}

/** The most probable clusters with their near-copies, without those that a reader would see as 0.000. */
function groupsOf(/** @type {Distribution} */ found, /** @type {Cluster[]} */ clusters) {
  return clusters
    .slice(0, MOST_GROUPS)
    .map(cluster => groupOf(found, cluster))
    .filter((group, k) => k === 0 || group.given >= LEAST);
}

/** The best span of a cluster with its near-copies, and what all of it has together. */
function groupOf(/** @type {Distribution} */ found, /** @type {Cluster} */ { best, probability, spans }) {
  const answerable = Math.exp(found.logTotal - found.logNormalizer);
  const copies = spans.slice(1, 1 + MOST_COPIES).filter(span => found.given(span) >= LEAST);
  return {
    of: best,
    best: rowOf(found, best),
    copies: copies.map(span => rowOf(found, span)),
    size: spans.length,
    hidden: spans.length - 1 - copies.length,
    p: probability,
    given: answerable ? Math.min(1, probability / answerable) : 0,
  };
}

/** A span in the list of spans. */
function rowOf(/** @type {Distribution} */ found, /** @type {Span} */ span) {
  const at = tokensOf(found, span),
    { start, end } = found.logits[span.window];
  return {
    ...answerOf(found, span),
    text: cutMiddle(found.textOf(span), LISTED),
    given: found.given(span),
    start: finite(start[at.start]),
    end: finite(end[at.end]),
  };
}

/** The start and end logit of the null token whose score counts. */
function nullLogits(/** @type {Distribution} */ found) {
  const window = found.nullScores.indexOf(found.nullScore),
    { start, end } = found.logits[window],
    at = found.windows[window].nullIndex;
  return { window, start: finite(start[at]), end: finite(end[at]) };
}

/** The best spans with their near-copies as a table, in nodes of [tag, {attribute: value}, ...children]. */
function ranking(/** @type {any[]} */ groups) {
  const row = (/** @type {any} */ one, /** @type {string} */ all) => [
    "tr",
    {},
    ["td", {}, ["bdi", { dir: "auto" }, one.text]],
    ...[all, fmt.probability(one.p), fmt.probability(one.given), fmt.logit(one.score)].map(text => ["td", {}, text]),
  ];
  const names = ["span", "all that overlap", "P", "P if answered", "score"];
  const head = ["thead", {}, ["tr", {}, ...names.map(name => ["th", { scope: "col" }, name])]];
  const bodies = groups.map(({ best, copies, p }) => [
    "tbody",
    {},
    row(best, fmt.probability(p)),
    ...copies.map((/** @type {any} */ copy) => row(copy, "")),
  ]);
  return section("Spans", ["table", { class: "ql-numbers" }, head, ...bodies]);
}

function section(/** @type {string} */ title, /** @type {any[]} */ ...nodes) {
  return [
    "section",
    {},
    ["div", { class: "ql-h" }, ["strong", { role: "heading", "aria-level": "4" }, title]],
    ...nodes,
  ];
}

function uncertaintyNode(/** @type {ReturnType<typeof uncertainty>} */ bits) {
  const { whether, which, where, total } = bits;
  const text =
    `${total.toFixed(2)} bits of entropy: ${whether.toFixed(2)} whether there is an answer, ${which.toFixed(2)} which one, ` +
    `${where.toFixed(2)} where it starts and ends.`;
  return section("Uncertainty", ["p", { class: "ql-note" }, text]);
}

function classicNode(/** @type {ReturnType<typeof classic>} */ { start, end, score, lost }) {
  const [p, a, b] = [score, start, end].map(x => fmt.probability(x));
  const gone = fmt.percent(lost.reversed + lost.too_long + lost.mixed + lost.outside);
  const text = `p(start) · p(end) of the best span = ${a} · ${b} = ${p}; of this product of two softmaxes, ${gone} falls on pairs that are no prediction.`;
  return section("Classic score", ["p", { class: "ql-note" }, text]);
}

/** The entropy in bits, split into whether there is an answer, which one it is, and where it starts and ends. */
function uncertainty(/** @type {Distribution} */ found, /** @type {Cluster[]} */ clusters) {
  const choice = entropy(clusters.map(({ spans }) => sum(spans.map(span => found.given(span)))));
  const edges = Math.max(0, entropy(found.spans.map(span => found.given(span))) - choice);
  const answerable = -Math.expm1(found.nullScore - found.logNormalizer);
  const whether = entropy([1 - answerable, answerable]);
  const [which, where] = [answerable * Math.max(0, choice), answerable * edges];
  return { whether, which, where, total: whether + which + where };
}

/** The product of two softmaxes for the best span in its window, and what share of such products is no prediction. */
function classic(/** @type {Distribution} */ found, /** @type {Span} */ best) {
  const logits = found.logits[best.window],
    [start, end] = [softmax(logits.start), softmax(logits.end)],
    at = tokensOf(found, best);
  return {
    start: start[at.start],
    end: end[at.end],
    score: start[at.start] * end[at.end],
    lost: lostBy(found, best.window, start, end),
    window: best.window,
  };
}

/** What share of the product is no prediction, by why it is none. */
function lostBy(
  /** @type {Distribution} */ found,
  /** @type {number} */ w,
  /** @type {Float64Array} */ start,
  /** @type {Float64Array} */ end,
) {
  const { from, count, nullIndex } = found.windows[w];
  const [starts, ends] = [start, end].map(p => p.subarray(from, from + count));
  const alone = found.alone(w);
  const products = alone.spans.map(span => tokensOf(alone, span)).map(at => start[at.start] * end[at.end]);
  const none = start[nullIndex] * end[nullIndex],
    mixed = start[nullIndex] * sum(ends) + sum(starts) * end[nullIndex];
  const lost = { ...reversedAndTooLong(starts, ends, found.longest), mixed };
  const outside = 1 - sum(products) - none - lost.reversed - lost.too_long - lost.mixed;
  return { ...lost, outside: Math.max(0, outside) };
}

/** How much of the product falls on pairs with the end before the start, and on pairs of more than `longest` tokens. */
function reversedAndTooLong(
  /** @type {Float64Array} */ start,
  /** @type {Float64Array} */ end,
  /** @type {number} */ longest,
) {
  const before = new Float64Array(end.length + 1);
  for (let k = 0; k < end.length; k++) before[k + 1] = before[k] + end[k];
  let reversed = 0,
    tooLong = 0;
  for (let k = 0; k < start.length; k++) {
    reversed += start[k] * before[k];
    tooLong += start[k] * (before[end.length] - before[Math.min(k + longest, end.length)]);
  }
  return { reversed, too_long: tooLong };
}

function softmax(/** @type {Float32Array} */ logits) {
  const total = logSumExp(logits);
  return Float64Array.from(logits, x => Math.exp(x - total));
}
