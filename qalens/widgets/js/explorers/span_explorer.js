// @ts-check
// One reading: its decision, its text, its tokens as starts and ends, and all its spans.

import { append, fill, h, said } from "../dom.js";
import { below, headline } from "../headline.js";
import { fmt, MINUS } from "../numbers.js";
import { mount, pickable } from "../parts.js";
import { Prose } from "../pictures/prose.js";
import { pictures, pointed } from "../pictures/span_map.js";
import { Spans } from "../pictures/spans.js";
import { cutMiddle } from "../words.js";

/** @import { NoSpan, Run, SpanState, SpanView, Stretch } from "../types" */
/** @import { Ui } from "../ui.js" */
/** @import { Words } from "../words.js" */

const LIKELY = 0.01; // of a span that a click on one of its words may mean

/**
 * @typedef {object} Parts  What the explorer shows of a reading, from top to bottom.
 * @property {ReturnType<typeof documentList>} documents
 * @property {ReturnType<typeof passage>} text
 * @property {ReturnType<typeof readout>} line
 * @property {ReturnType<typeof pictures>} axes
 * @property {ReturnType<typeof ranking>} list
 */

/** @param {Ui} ui */
export function explore(ui) {
  const state = stateOf(ui);
  const { view, spans } = state;
  append(ui.root, [headline(view.head), below(view.head)]);
  if (spans.n === 0 || view.best === null) {
    append(ui.root, [
      h("section", {}, h("div", { class: "ql-text", dir: "auto", lang: "" }, view.context)),
      view.below.map(mount),
    ]);
    return;
  }
  const text = passage(state),
    axes = pictures(state, text.prose.words),
    list = ranking(state);
  const documents = documentList(state);
  const line = readout(state, text.prose.words);
  append(ui.root, [
    documents.el,
    h("section", {}, text.prose.el, text.legend),
    h("section", {}, axes.heading, line.el, axes.el),
    list.el,
    view.below.map(mount),
  ]);
  const parts = { documents, text, line, axes, list };
  connect(state, parts);
  markChosen(parts);
  const chosen = state.chosen();
  const first = chosen === null ? (spans.find(...view.best.span)?.i ?? 0) : (chosen.span?.i ?? 0);
  text.prose.home = first;
  axes.include(first);
  // The text has its size only once it is on the page.
  ui.frame(() => text.prose.reveal(first))();
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
    hover: null, // {token} or {span}: what is pointed at
    share: () => (ui.get("given_answer") ? 1 : 1 - view.none),
    probability: span => (ui.get("given_answer") ? spans.given(span) : spans.joint(span)),
    chosen() {
      /** @type {Stretch | null} */
      const range = ui.get("selected");
      return Array.isArray(range) ? { range, span: spans.find(...range) } : null;
    },
    /** What a click on a token selects: the best span with it, unless that is as good as impossible; then the token alone. */
    meant(token) {
      const best = spans.bestOf(token);
      if (best !== null && spans.given(best) >= LIKELY) return best;
      return spans.score(token, token) ?? longSpan(spans, token, token);
    },
    select(span) {
      ui.set("selected", span === null ? null : spans.characters(span));
    },
    point() {},
    follow() {},
    reveal() {},
  };
}

/**
 * Let the parts follow what is pointed at, what is selected, and what the numbers count.
 *
 * @param {SpanState} state @param {Parts} parts
 */
function connect(state, parts) {
  const { ui, spans } = state,
    { text, axes, line } = parts;
  state.point = hover => {
    state.hover = hover;
    text.point();
    axes.point();
    line.show();
  };
  state.follow = t => axes.include(t);
  state.reveal = t => text.prose.reveal(t);
  const follow = () => {
    markChosen(parts);
    axes.point();
    line.show();
    const chosen = state.chosen();
    if (chosen === null) return;
    const token = chosen.span?.i ?? spans.tokenFrom(chosen.range[0]);
    text.prose.reveal(token);
    axes.include(token);
  };
  ui.on("selected", () => {
    // What was selected is said until something else is pointed at.
    state.hover = null;
    follow();
    ui.say(line.words());
  });
  const repaint = () => {
    text.shade();
    axes.draw();
    axes.name();
    line.show();
  };
  ui.on("given_answer", repaint);
  ui.on("scale", repaint);
  repaint();
}

/** @param {Parts} parts */
function markChosen({ text, list, documents }) {
  text.mark();
  list.mark();
  documents.mark();
}

// --- the text ---------------------------------------------------------------------------------------------------------

/** @param {SpanState} state */
function passage(state) {
  const { ui, view, spans } = state;
  /** @type {Stretch[]} */
  const numbered = view.numbers.map(([, start, end]) => [start, end]);
  const inSet = view.set !== null;
  const best = view.answer === null && !inSet ? "rejected" : "best";
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
    pick: (a, b) => state.select(a === b ? state.meant(a) : (spans.score(a, b) ?? longSpan(spans, a, b))),
    key: event => {
      if (event.key !== "Escape" || ui.get("selected") === null) return false;
      state.select(null);
      return true;
    },
  });
  prose.mark(best, inSet || numbered.length > 0 || view.best === null ? numbered : [view.best.span]);
  prose.number(view.numbers);
  const rival = inSet || numbered.some(span => span.join() === view.rival?.span.join()) ? null : view.rival;
  if (rival !== null) prose.mark("rival", [rival.span]);
  const meaning = h("span", {});
  const shaded = new Float32Array(spans.n);
  return {
    prose,
    legend: legendOf(view, { meaning, best, rival: rival !== null }),
    shade() {
      const share = state.share();
      for (let t = 0; t < spans.n; t++) shaded[t] = share * spans.within[t];
      prose.shade(shaded);
      fill(meaning, `probability of being in the answer${ui.get("given_answer") ? ", if there is one" : ""}`);
    },
    mark() {
      const chosen = state.chosen();
      prose.mark("selected", chosen === null ? [] : [chosen.range]);
    },
    point() {
      const span = pointed(state);
      prose.mark("partner", span === null ? [] : [spans.characters(span)]);
    },
  };
}

/**
 * What the shades and the marks of the text mean.
 *
 * @param {SpanView} view
 * @param {{ meaning: HTMLElement, best: string, rival: boolean }} shown what the shades mean, the name of the first mark, and
 *   whether there is a mark of the rival
 */
function legendOf(view, { meaning, best, rival }) {
  const ramp = h("span", {}, "0 ", h("i", { class: "ql-ramp ql-ramp-pale" }), " 1 ");
  const marked = view.set === null || view.numbers.length > 0;
  return [
    h(
      "div",
      { class: "ql-legend" },
      h("span", {}, ramp, meaning),
      marked && h("span", { class: `ql-mark-${best}` }, bestWords(view)),
      rival && h("span", { class: "ql-mark-rival" }, "strongest elsewhere"),
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
    share = state.share();
  const best = spans.bestOf(t);
  const name = words.slice(spans.begin[t], spans.end[t]).trim();
  const parts = [`“${cutMiddle(name, 30)}”`, `in the answer ${fmt.probability(share * spans.within[t])}`];
  if (state.ui.get("scale") === "logits") {
    parts.push(`start ${fmt.logit(spans.largest("start")[t])}, end ${fmt.logit(spans.largest("end")[t])}`);
  } else {
    parts.push(
      `starts it ${fmt.probability(share * spans.starts[t])}, ends it ${fmt.probability(share * spans.ends[t])}`,
    );
  }
  if (best !== null) {
    const partner = best.i === t ? best.j : best.i;
    const to = cutMiddle(words.slice(spans.begin[partner], spans.end[partner]), 30);
    parts.push(partner === t ? "best alone" : partner > t ? `best end “${to}”` : `best start “${to}”`);
    parts.push(`that span ${fmt.probability(state.probability(best))}`);
  }
  return best === null ? parts : [...parts, ...sourceWords(view, spans.begin[t], best.window)];
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
 * One line of facts: of what is pointed at, else of the selected span, else how to begin.
 *
 * @param {SpanState} state @param {Words} words
 */
function readout(state, words) {
  const el = h("div", { class: "ql-readout" });
  const facts = () => {
    const { hover, spans } = state;
    if (hover?.token !== undefined) return tokenWords(state, words, hover.token);
    if (hover?.span !== undefined) return spanWords(state, words, spans.characters(hover.span), hover.span);
    const chosen = state.chosen();
    return chosen === null ? null : spanWords(state, words, chosen.range, chosen.span);
  };
  return {
    el,
    words: () => (facts() ?? ["nothing is selected"]).join(", "),
    show() {
      const [name, ...rest] = facts() ?? [];
      if (name === undefined)
        fill(el, "Point at a word to see its best partner; click to select a span, or drag over several words.");
      else
        fill(
          el,
          h("b", {}, said(name)),
          rest.map(part => [" · ", part]),
        );
    },
  };
}

// --- lists ------------------------------------------------------------------------------------------------------------

/**
 * Where a pair of characters stands in a list of them, or -1.
 *
 * @param {Stretch | null} pair @param {(Stretch | null)[]} picks
 */
function placeOf(pair, picks) {
  return Array.isArray(pair) ? picks.findIndex(one => one?.join() === pair.join()) : -1;
}

/** @param {SpanState} state */
function documentList({ ui, view }) {
  if (view.documents === null) return { el: false, mark() {} };
  const { list, picks, places } = view.documents;
  const el = h("div", { class: "ql-scroll" }, list.map(mount));
  const { mark } = pickable(ui, el, {
    label: "The documents, by the probability that they hold the answer",
    take: k => {
      const best = picks[k];
      if (best !== null) ui.set("selected", [...best]);
    },
  });
  /** @param {Stretch} chosen */
  const held = chosen => {
    const [low, high] = places.findLast(([, [start]]) => start <= chosen[0])?.[1] ?? [0, 0];
    return picks.findIndex(best => best !== null && low <= best[0] && best[1] <= high);
  };
  return {
    el,
    mark() {
      /** @type {Stretch | null} */
      const chosen = ui.get("selected");
      mark(Array.isArray(chosen) ? held(chosen) : -1);
    },
  };
}

/** @param {SpanState} state */
function ranking(state) {
  const { ui, view, spans } = state;
  const el = h("div", {}, view.ranking.map(mount));
  const { mark } = pickable(ui, el, {
    label: "The best spans, in groups that overlap",
    take: k => ui.set("selected", [...view.picks[k]]),
    point: k => {
      const span = k === null ? null : spans.find(...view.picks[k]);
      state.point(span === null ? null : { span });
    },
  });
  return { el, mark: () => mark(placeOf(ui.get("selected"), view.picks)) };
}
