// @ts-check
// One reading: its decision, its text, its tokens as starts and ends, and all its spans.

import { append, fill, h } from "../dom.js";
import { below, headline } from "../headline.js";
import { fmt, MINUS } from "../numbers.js";
import { mount, pickable } from "../parts.js";
import { Prose } from "../pictures/prose.js";
import { pictures, pointed } from "../pictures/span_map.js";
import { Spans } from "../pictures/spans.js";
import { factLine, letGo, markSelection } from "../selection.js";
import { cutMiddle } from "../words.js";

/** @import { NoSpan, Run, SpanState, SpanView, Stretch } from "../types" */
/** @import { Ui } from "../ui.js" */
/** @import { Words } from "../words.js" */

// Of a span that a click on one of its words may mean.
const LIKELY = 0.01;
const BEGIN = "Point at a word to see its best partner; click to select a span, or drag over several words.";

/**
 * @typedef {object} Parts  Those that follow a choice.
 * @property {ReturnType<typeof passage>} text
 * @property {ReturnType<typeof factLine>} line
 * @property {ReturnType<typeof pictures>} axes
 */

/** @param {Ui} ui */
export function explore(ui) {
  const state = stateOf(ui);
  const { view, spans } = state;
  append(ui.root, [headline(view.head), below(view.head)]);
  if (spans.n === 0 || view.best === null) {
    const text = h("div", { class: "ql-text", dir: "auto", lang: "" }, view.context);
    append(ui.root, [h("section", {}, text), view.below.map(mount)]);
  } else showSpans(state, view.best.span);
}

/** @param {Ui} ui @returns {SpanState} */
function stateOf(ui) {
  /** @type {SpanView} */
  const view = ui.get("view");
  const spans = new Spans(ui);
  return {
    ui,
    view,
    spans,
    hover: null,
    share: () => (ui.get("given_answer") ? 1 : 1 - view.none),
    probability: span => (ui.get("given_answer") ? spans.given(span) : spans.joint(span)),
    chosen: () => ui.selection && { range: ui.selection, span: spans.find(...ui.selection) },
    meant: token => meant(spans, token, token),
    select: span => ui.set("selected", span && spans.characters(span)),
    point() {},
    follow() {},
    reveal() {},
  };
}

/** The text, the pictures and the lists of a reading that has spans. @param {SpanState} state @param {Stretch} best */
function showSpans(state, best) {
  const { ui, view, spans } = state;
  const text = passage(state),
    axes = pictures(state, text.prose.words),
    line = factLine(() => facts(state, text.prose.words), BEGIN);
  append(ui.root, [
    documentList(state),
    h("section", {}, text.prose.el, text.legend),
    h("section", {}, axes.heading, line.el, axes.el),
    ranking(state),
    view.below.map(mount),
  ]);
  followPointer(state, { text, line, axes });
  followChoices(state, { text, line, axes });
  const chosen = state.chosen();
  showFrom(state, { text, axes }, (chosen === null ? spans.find(...best) : chosen.span)?.i ?? 0);
}

/** @param {SpanState} state @param {Pick<Parts, "text" | "axes">} parts @param {number} token */
function showFrom({ ui }, { text, axes }, token) {
  text.prose.home = token;
  axes.include(token);
  // The text has its size only once it is on the page.
  ui.frame(() => text.prose.reveal(token))();
}

/** Let the parts follow what is pointed at. @param {SpanState} state @param {Parts} parts */
function followPointer(state, { text, axes, line }) {
  state.point = hover => {
    state.hover = hover;
    text.point();
    axes.point();
    line.show();
  };
  state.follow = t => axes.include(t);
  state.reveal = t => text.prose.reveal(t);
}

/**
 * Let the parts follow what is selected, and what the numbers count.
 *
 * @param {SpanState} state @param {Parts} parts
 */
function followChoices(state, parts) {
  const { ui } = state,
    { text, axes, line } = parts;
  ui.on("selected", () => tellChosen(state, parts));
  const repaint = () => {
    text.shade();
    axes.draw();
    axes.name();
    line.show();
  };
  for (const name of ["given_answer", "scale"]) ui.on(name, repaint);
  repaint();
}

/** Tell what is selected, and bring it in sight. @param {SpanState} state @param {Parts} parts */
function tellChosen(state, { text, axes, line }) {
  // What was selected is said until something else is pointed at.
  state.hover = null;
  axes.point();
  line.show();
  const chosen = state.chosen();
  if (chosen !== null) {
    const token = chosen.span?.i ?? state.spans.tokenFrom(chosen.range[0]);
    text.prose.reveal(token);
    axes.include(token);
  }
  state.ui.say(line.words());
}

// --- the text ---------------------------------------------------------------------------------------------------------

/** @param {SpanState} state */
function passage(state) {
  const { ui, view, spans } = state;
  const prose = tokenProse(state);
  markAnswers(prose, view);
  markSelection(ui, prose);
  const meaning = h("span", {});
  const shade = () => {
    const share = state.share();
    prose.shade(spans.within.map(p => share * p));
    fill(meaning, `probability of being in the answer${ui.get("given_answer") ? ", if there is one" : ""}`);
  };
  const point = () => {
    const span = pointed(state);
    prose.mark("partner", span === null ? [] : [spans.characters(span)]);
  };
  return { prose, legend: legendOf(view, meaning), shade, point };
}

/** @param {SpanState} state */
function tokenProse(state) {
  const { ui, view, spans } = state;
  /** @type {Prose} */
  const prose = new Prose(ui, {
    text: view.context,
    begin: spans.begin,
    end: spans.end,
    tall: 420,
    label: "The text, token by token. Arrows move, Enter selects the best span of a token.",
    describe: t => tokenWords(state, prose.words, t).join("; "),
    move: t => state.follow(t),
    hover: t => state.point(t === null ? null : { token: t }),
    pick: (a, b) => state.select(meant(spans, a, b)),
    key: event => letGo(ui, event.key),
  });
  return prose;
}

/**
 * What a choice of tokens selects. Of one token: the best span with it, unless that is as good as impossible; then the token
 * alone.
 *
 * @param {Spans} spans @param {number} a @param {number} b @returns {Run | null}
 */
function meant(spans, a, b) {
  const best = a === b ? spans.bestOf(a) : null;
  if (best !== null && spans.given(best) >= LIKELY) return best;
  return spans.score(a, b) ?? longSpan(spans, a, b);
}

/**
 * Mark the best span, or several that are numbered, and the strongest elsewhere.
 *
 * @param {Prose} prose @param {SpanView} view
 */
function markAnswers(prose, view) {
  /** @type {Stretch[]} */
  const numbered = view.numbers.map(([, start, end]) => [start, end]);
  const only = view.set !== null || numbered.length > 0 || view.best === null ? numbered : [view.best.span];
  prose.mark(bestMark(view), only);
  prose.number(view.numbers);
  const rival = markedRival(view);
  if (rival !== null) prose.mark("rival", [rival.span]);
}

/** @param {SpanView} view */
function bestMark({ answer, set }) {
  return answer === null && set === null ? "rejected" : "best";
}

/** The strongest span elsewhere, where it has a mark of its own. @param {SpanView} view */
function markedRival({ set, numbers, rival }) {
  const isNumbered = numbers.some(([, ...span]) => span.join() === rival?.span.join());
  return set !== null || isNumbered ? null : rival;
}

/**
 * What the shades and the marks of the text mean.
 *
 * @param {SpanView} view @param {HTMLElement} meaning what the shades mean
 */
function legendOf(view, meaning) {
  const ramp = h("span", {}, "0 ", h("i", { class: "ql-ramp ql-ramp-pale" }), " 1 ");
  const marked = view.set === null || view.numbers.length > 0;
  return [
    h(
      "div",
      { class: "ql-legend" },
      h("span", {}, ramp, meaning),
      marked && h("span", { class: `ql-mark-${bestMark(view)}` }, bestWords(view)),
      markedRival(view) !== null && h("span", { class: "ql-mark-rival" }, "strongest elsewhere"),
    ),
    view.set !== null && h("p", { class: "ql-note ql-set" }, view.set),
  ];
}

/** What the first mark of the text means. @param {SpanView} view */
function bestWords(view) {
  if (view.set !== null) return "best span of a place";
  if (view.answer === null) return "best span, rejected";
  return view.numbers.length > 0 ? `${fmt.whole(view.numbers.length)} answers` : "answer";
}

/**
 * A run of tokens that is no span of the distribution, since it is too long or no window holds it whole.
 *
 * @param {SpanState["spans"]} spans @param {number} i @param {number} j @returns {NoSpan | null}
 */
function longSpan(spans, i, j) {
  return spans.end[j] > spans.begin[i] ? { i, j } : null;
}

/**
 * A token, or a span, in words: a name, and what is to say of it.
 *
 * @param {SpanState} state @param {Words} words @param {number} t
 */
function tokenWords(state, words, t) {
  const { spans, view } = state,
    best = spans.bestOf(t);
  const name = words.slice(spans.begin[t], spans.end[t]).trim();
  const within = fmt.probability(state.share() * spans.within[t]);
  const parts = [`“${cutMiddle(name, 30)}”`, `in the answer ${within}`, edgeWords(state, t)];
  if (best === null) return parts;
  const partner = partnerWords(spans, words, t, best.i === t ? best.j : best.i);
  const p = `that span ${fmt.probability(state.probability(best))}`;
  return [...parts, partner, p, ...sourceWords(view, spans.begin[t], best.window)];
}

/** A token as a start and as an end, in words. @param {SpanState} state @param {number} t */
function edgeWords(state, t) {
  const { ui, spans } = state,
    share = state.share();
  return ui.get("scale") === "logits"
    ? `start ${fmt.logit(spans.largest("start")[t])}, end ${fmt.logit(spans.largest("end")[t])}`
    : `starts it ${fmt.probability(share * spans.starts[t])}, ends it ${fmt.probability(share * spans.ends[t])}`;
}

/**
 * The other end of the best span of a token, in words.
 *
 * @param {Spans} spans @param {Words} words @param {number} t @param {number} partner
 */
function partnerWords({ begin, end }, words, t, partner) {
  if (partner === t) return "best alone";
  return `best ${partner > t ? "end" : "start"} “${cutMiddle(words.slice(begin[partner], end[partner]), 30)}”`;
}

/** @param {SpanState} state @param {Words} words @param {Stretch} range @param {Run | null} span */
function spanWords(state, words, range, span) {
  const [start, end] = range;
  const parts = [`“${cutMiddle(words.slice(start, end), 60)}”`];
  if (span === null || span.score === undefined) {
    parts.push("is no span that the model can answer with");
  } else {
    const { start: from, end: to } = state.spans.windows[span.window];
    const a = state.spans.logits[from + span.i],
      b = state.spans.logits[to + span.j];
    parts.push(
      `P ${fmt.probability(state.spans.joint(span))}, ${fmt.probability(state.spans.given(span))} if there is an answer`,
    );
    parts.push(`score ${fmt.logit(span.score)} = ${fmt.logit(a)} ${b < 0 ? MINUS : "+"} ${fmt.logit(Math.abs(b))}`);
    parts.push(...sourceWords(state.view, start, span.window));
  }
  parts.push(`characters ${fmt.whole(start)}–${fmt.whole(end)}`);
  return parts;
}

/**
 * The name of the document that a character stands in; undefined where there is only one text.
 *
 * @param {SpanView} view @param {number} character
 */
function documentAt(view, character) {
  return view.documents?.places.findLast(([, [start]]) => start <= character)?.[0];
}

/**
 * Where a span comes from, in words: its document, or its window where there are several.
 *
 * @param {SpanView} view @param {number} start @param {number} window
 */
function sourceWords(view, start, window) {
  const of = documentAt(view, start);
  if (of !== undefined) return [`in ${of}`];
  return view.windows.length > 1 ? [`window ${window + 1}`] : [];
}

/**
 * What there is to say: of what is pointed at, else of the selected span, else nothing.
 *
 * @param {SpanState} state @param {Words} words
 */
function facts(state, words) {
  const { hover, spans } = state;
  if (hover?.token !== undefined) return tokenWords(state, words, hover.token);
  if (hover?.span !== undefined) return spanWords(state, words, spans.characters(hover.span), hover.span);
  const chosen = state.chosen();
  return chosen && spanWords(state, words, chosen.range, chosen.span);
}

// --- lists ------------------------------------------------------------------------------------------------------------

/**
 * The rows of a table as spans to select, the selected one marked.
 *
 * @param {Ui} ui @param {HTMLElement} el
 * @param {{ label: string, take: (row: number) => void, point?: (row: number | null) => void }} does
 * @param {(range: Stretch) => number} rowOf the row of a selection, or -1
 */
function selectable(ui, el, does, rowOf) {
  const { mark } = pickable(ui, el, does);
  const follow = () => mark(ui.selection === null ? -1 : rowOf(ui.selection));
  ui.on("selected", follow);
  follow();
  return el;
}

/** @param {SpanState} state */
function documentList({ ui, view }) {
  if (view.documents === null) return null;
  const { list, picks, places } = view.documents;
  const does = {
    label: "The documents, by the probability that they hold the answer",
    /** @param {number} k */
    take(k) {
      const best = picks[k];
      if (best !== null) ui.set("selected", [...best]);
    },
  };
  return selectable(ui, h("div", { class: "ql-scroll" }, list.map(mount)), does, ([start]) => {
    const [low, high] = places.findLast(([, [from]]) => from <= start)?.[1] ?? [0, 0];
    return picks.findIndex(best => best !== null && low <= best[0] && best[1] <= high);
  });
}

/** @param {SpanState} state */
function ranking(state) {
  const { ui, view, spans } = state;
  const does = {
    label: "The best spans, in groups that overlap",
    /** @param {number} k */
    take: k => ui.set("selected", [...view.picks[k]]),
    /** @param {number | null} k */
    point(k) {
      const span = k === null ? null : spans.find(...view.picks[k]);
      state.point(span && { span });
    },
  };
  return selectable(ui, h("div", {}, view.ranking.map(mount)), does, range =>
    view.picks.findIndex(pick => pick.join() === range.join()),
  );
}
