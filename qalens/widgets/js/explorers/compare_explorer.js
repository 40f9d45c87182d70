// @ts-check
// Two readings side by side, in characters: of two models, or of a text before and after an edit.

import { append, fill, h, said } from "../dom.js";
import { editor } from "../editor.js";
import { decided, pieces } from "../headline.js";
import { fmt, MINUS, NO_ANSWER, scaleFor } from "../numbers.js";
import { title } from "../parts.js";
import { stripOf } from "../pictures/compare_strip.js";
import { Comparison } from "../pictures/comparison.js";
import { Prose } from "../pictures/prose.js";
import { factLine, letGo, markSelection } from "../selection.js";
import { tabStop, Ui } from "../ui.js";
import { cut } from "../words.js";

/** @import { CompareRow, CompareSide, CompareState, Stretch, StretchKind } from "../types" */

const LISTED = 7; // spans in the list
const BEGIN = "Point at a word to see what became of it; click to select its best span, or drag over several words.";
/** @type {StretchKind[]} */
const CHANGED = ["gone", "new"];

/** @param {Ui} ui */
export function explore(ui) {
  const state = stateOf(ui);
  const strip = stripOf(state),
    line = factLine(() => lineFacts(state), BEGIN);
  const both = bothOf(state);
  append(ui.root, [editing(ui), both.head, h("section", {}, strip.heading, line.el, strip.el), both.below]);
  state.point = hover => {
    state.hover = hover;
    state.text?.point();
    strip.point();
    line.show();
  };
  connect(state, { strip, line, both });
}

/** @param {Ui} ui @returns {CompareState} */
function stateOf(ui) {
  return {
    ui,
    data: new Comparison(ui),
    hover: null,
    select: range => ui.set("selected", range),
    point() {},
    follow() {},
  };
}

/**
 * @typedef {object} Parts
 * @property {ReturnType<typeof stripOf>} strip
 * @property {ReturnType<typeof factLine>} line
 * @property {ReturnType<typeof bothOf>} both
 */

/** Let the parts follow what is compared, and what is selected. @param {CompareState} state @param {Parts} parts */
function connect(state, { strip, line, both }) {
  const { ui } = state;
  const draw = () => {
    both.draw();
    strip.fit();
    state.point(null);
  };
  draw();
  ui.on("picture", () => {
    draw();
    ui.say(`${state.data.became}: ${state.data.sides.map(spoken).join(", now ")}`);
  });
  ui.on("selected", () => followSelection(state, strip, line));
  ui.frame(() => strip.fit())();
}

/**
 * Tell what is selected, and bring its start in sight.
 *
 * @param {CompareState} state @param {Parts["strip"]} strip @param {Parts["line"]} line
 */
function followSelection(state, strip, line) {
  const { ui, data, text } = state;
  state.point(state.hover);
  if (ui.selection === null) return;
  const place = data.placeOf(ui.selection[0]);
  text?.prose.reveal(Math.max(0, data.wordAt(place)));
  strip.include(place);
  ui.say(line.words());
}

/**
 * Fields for another question and text, or without them the buttons alone; nothing in a page without a kernel.
 *
 * @param {Ui} ui
 */
function editing(ui) {
  if (!ui.get("view").live || ui.still) return null;
  const buttons = () => [
    ui.button("Back to the text before", () => ui.send({ do: "restore" }), { small: true }),
    ui.button("Compare with this from now on", () => ui.send({ do: "keep" }), { small: true }),
  ];
  const fields = editor(ui, { buttons: buttons(), old: yes => ui.root.classList.toggle("ql-old", yes) });
  // Without fields the text can still change, set from Python, and be what is compared with.
  const bar = h("div", { class: "ql-tools" }, buttons());
  const allow = () => {
    fields.hidden = !ui.get("editable");
    bar.hidden = !fields.hidden;
  };
  ui.on("editable", allow);
  allow();
  return [fields, bar];
}

/**
 * What is drawn anew with every picture. What listened to the one before is then let go; where its text was scrolled to, and
 * whether it had the focus, stays.
 *
 * @param {CompareState} state
 */
function bothOf(state) {
  const { ui } = state;
  const places = {
    head: h("div", {}),
    texts: h("section", { class: "ql-flow" }),
    spans: h("section", {}),
    note: h("p", { class: "ql-note" }),
  };
  let drawing = new AbortController();
  ui.done(() => drawing.abort());
  const draw = () => {
    const old = drawing;
    drawing = new AbortController();
    drawPicture(state, partOf(ui, drawing.signal), places);
    old.abort();
  };
  return { head: places.head, below: [places.texts, places.spans, places.note], draw };
}

/** The hands of what is let go before the whole view is. @param {Ui} ui @param {AbortSignal} signal */
function partOf({ model, live, kernel }, signal) {
  return Object.assign(new Ui(model, h("div", {}), signal), { live, kernel });
}

/**
 * @param {CompareState} state @param {Ui} ui
 * @param {Record<"head" | "texts" | "spans" | "note", HTMLElement>} places
 */
function drawPicture(state, ui, { head, texts, spans, note }) {
  const focused = texts.contains(document.activeElement),
    scrolled = state.text?.prose.el.scrollTop ?? 0;
  state.hover = null;
  state.data = new Comparison(ui);
  state.text = textOf(state, ui);
  fill(head, heads(state.data));
  fill(texts, state.text.parts);
  fill(spans, listed(state, ui));
  fill(note, apart(state.data));
  state.text.prose.el.scrollTop = scrolled;
  if (focused) state.text.prose.el.focus();
}

// --- both decisions ---------------------------------------------------------------------------------------------------

/** @param {CompareSide} side */
function spoken({ head }) {
  return `${head.said.map(([text]) => text).join("")}, ${head.number}`;
}

/** @param {Comparison} data */
function heads(data) {
  const [one, other] = data.sides;
  const asked = one.head.asked !== other.head.asked;
  const [before, after] = data.sides.map((side, k) =>
    decisionOf(side, data.labels[k], { asked, model: one.model !== other.model && data.labels[k] !== side.model }),
  );
  const arrow = h("span", { class: "ql-arrow", "aria-hidden": "true" }, "→");
  return [askedHead(data, asked), h("div", { class: "ql-sides" }, before, arrow, after, changeOfNone(data))];
}

/**
 * What was asked, and what became of the decision.
 *
 * @param {Comparison} data @param {boolean} differs whether there are two questions
 */
function askedHead({ sides, became }, differs) {
  const question = { class: "ql-question", role: "heading", "aria-level": 3 };
  return h(
    "header",
    { class: "ql-head ql-asked" },
    differs ? h("span", question, "Two questions") : said(sides[0].head.asked, question),
    h("span", { class: "ql-became" }, became),
  );
}

/** @param {Comparison} data */
function changeOfNone({ sides: [one, other], none }) {
  return h(
    "div",
    { class: "ql-delta" },
    h("span", { class: "ql-side-name" }, "P(no answer)"),
    h("span", { class: "ql-big" }, points(none)),
    h("small", {}, `${fmt.percent(one.none)} → ${fmt.percent(other.none)}`),
  );
}

/** A change of a probability in points of a hundred. @param {number} x */
function points(x) {
  const said = fmt.signed(100 * x, 1);
  return said === "0.0" ? "±0" : `${said} points`;
}

/** @param {CompareSide} side @param {string} name @param {{ asked: boolean, model: boolean }} shown */
function decisionOf(side, name, { asked, model }) {
  return h(
    "div",
    { class: "ql-side" },
    h("span", { class: "ql-side-name" }, said(name), model && side.model !== null && [" · ", said(side.model)]),
    asked && h("p", { class: "ql-soft" }, said(side.head.asked)),
    h("p", { class: "ql-said" }, decided(side.head)),
    h("small", { class: "ql-soft" }, pieces(side.head.notes.at(-1) ?? [])),
    h(
      "small",
      { class: "ql-soft", title: side.sentence },
      side.margin === null
        ? side.sentence
        : `margin ${fmt.logit(side.margin)} ${side.margin > (side.threshold ?? Infinity) ? ">" : "≤"} ${side.threshold === null ? "threshold" : fmt.logit(side.threshold)}`,
    ),
  );
}

/** @param {Comparison} data */
function apart(data) {
  const [one, other] = data.labels;
  const parts = [
    h("b", {}, `The two distributions are ${data.distance.toFixed(2)} of 1 apart`),
    " (Jensen–Shannon distance).",
  ];
  if (data.stretches.some(([kind]) => kind !== "kept")) {
    parts.push(
      ` Of the probability before, ${fmt.percent(data.gone)} was on spans that are gone; of that after, ${fmt.percent(data.new)} is on new ones.`,
    );
  }
  return [...parts, ` All changes are `, said(other), ` − `, said(one), `.`];
}

// --- the text ---------------------------------------------------------------------------------------------------------

/** @param {CompareState} state @param {Ui} ui */
function textOf(state, ui) {
  const { data } = state;
  const values = Float32Array.from(data.begin, (_, word) => data.changeOf(word));
  const most = scaleFor(data.most);
  const prose = flowProse(state, ui);
  prose.shade(values, { most, signed: true });
  prose.home = data.begin.findIndex((_, word) => Math.abs(values[word]) === data.most);
  for (const kind of CHANGED) prose.mark(kind, data.ranges(kind));
  const [was, is] = [0, 1].map(k => data.spans.find(({ answer }) => answer[k])?.ranges ?? []);
  prose.mark("was", was);
  prose.mark("best", is);
  markSelection(ui, prose, range => data.toFlow(range));
  const point = () => prose.mark("pointed", state.hover === null ? [] : data.rangesOf(state.hover));
  return { prose, parts: [title("Text", edits(data)), prose.el, legendOf(data, most, was, is)], point };
}

/** Both texts in one, of which words can be selected. @param {CompareState} state @param {Ui} ui */
function flowProse(state, ui) {
  const { data } = state;
  return new Prose(ui, {
    text: data.flow,
    begin: data.begin,
    end: data.end,
    tall: 300,
    label: "Both texts in one, word by word. Arrows move, Enter selects the best span with a word.",
    describe: word => factsOf(state, word).join("; "),
    hover: word => state.point(word === null ? null : { word }),
    move: word => state.follow(data.begin[word]),
    pick: (a, b) => {
      const range = meant(data, a, b);
      if (range !== null) state.select([...range]);
    },
    key: event => letGo(ui, event.key),
  });
}

/**
 * What a choice of words selects in the text after: of one word the best span with it. Null where nothing of it is left.
 *
 * @param {Comparison} data @param {number} a @param {number} b @returns {Stretch | null}
 */
function meant(data, a, b) {
  const best = a === b ? data.bestWith(a) : null;
  return best?.after ?? data.toAfter(data.begin[a], data.end[b]);
}

/**
 * What the shades and the marks of the text mean.
 *
 * @param {Comparison} data @param {number} most the end of the scale
 * @param {Stretch[]} was the answer of the first reading @param {Stretch[]} is that of the second
 */
function legendOf(data, most, was, is) {
  const kinds = new Set(data.stretches.map(([kind]) => kind)),
    same = was.join() === is.join();
  const first = data.labels[0] === "before" ? "before" : "of the first",
    second = data.labels[1] === "after" ? "after" : "of the second";
  return h(
    "div",
    { class: "ql-legend" },
    data.most >= 0.0005 ? changeRamp(most) : h("span", {}, "No character’s chances changed."),
    is.length > 0 && h("span", { class: "ql-mark-best" }, `answer ${same ? "of both" : second}`),
    was.length > 0 && !same && h("span", { class: "ql-mark-was" }, `answer ${first}`),
    CHANGED.map(kind => kinds.has(kind) && h("span", { class: `ql-mark-${kind}` }, kind)),
  );
}

/** @param {number} most */
function changeRamp(most) {
  const ramp = h("i", { class: "ql-ramp ql-ramp-against-for" });
  return h("span", {}, `${MINUS}${most} `, ramp, ` +${most} probability of being in the answer`);
}

/** @param {Comparison} data */
function edits(data) {
  const [gone, fresh] = CHANGED.map(kind => data.ranges(kind).reduce((sum, [a, b]) => sum + b - a, 0));
  return gone || fresh ? `${fmt.count(gone, "character")} gone, ${fmt.whole(fresh)} new` : "the same on both sides";
}

/** A word in words: a name, and what is to say of it. @param {CompareState} state @param {number} word */
function factsOf({ data }, word) {
  const [from, to] = [data.begin[word], data.end[word]];
  const kind = data.kindAt(from);
  const [one, other] = [data.before, data.after].map(values => {
    let most = 0;
    for (let k = from; k < to; k++) most = Math.max(most, values[k] || 0);
    return fmt.probability(most);
  });
  const facts =
    kind === "gone"
      ? [`gone; was in the answer ${one}`]
      : kind === "new"
        ? [`new; in the answer ${other}`]
        : [`in the answer ${one} → ${other}`, `change ${fmt.signed(data.changeOf(word), 3)}`];
  return [`“${cut(data.flow.slice(from, to), 40)}”`, ...facts];
}

/** @param {CompareState} state @param {CompareRow} row */
function rowFacts({ data }, row) {
  const [one, other] = row.p;
  if (one === null) return [`“${cut(row.text, 70)}”`, `only ${data.labels[1]}: P ${fmt.probability(other)}`];
  if (other === null) return [`“${cut(row.text, 70)}”`, `only ${data.labels[0]}: P ${fmt.probability(one)}`];
  return [
    `“${cut(row.text, 70)}”`,
    `P ${fmt.probability(one)} → ${fmt.probability(other)}`,
    `change ${fmt.signed(other - one, 3)}`,
  ];
}

/** What there is to say: of what is pointed at, else of what is selected, else nothing. @param {CompareState} state */
function lineFacts(state) {
  const { ui, hover, data } = state;
  if (hover !== null) return hover.row ? rowFacts(state, hover.row) : factsOf(state, hover.word);
  if (ui.selection === null) return null;
  const row = data.rowOf(ui.selection);
  if (row !== null) return rowFacts(state, row);
  const stretch = data.toFlow(ui.selection).map(([a, b]) => data.flow.slice(a, b));
  return [`“${cut(stretch.join(""), 70)}”`, "is none of the most probable spans"];
}

// --- both distributions -----------------------------------------------------------------------------------------------

/** @param {CompareState} state @param {Ui} ui */
function listed(state, ui) {
  const { data } = state;
  // The first ones always, others only where there is something to see.
  const shown = data.spans.slice(0, LISTED).filter(({ p }, k) => k < 3 || Math.max(...p.map(Number)) >= 0.001);
  const rows = shown.map(row => spanRow(state, ui, row)),
    items = rows.map(({ el }) => el);
  const list = h("div", { role: "listbox", "aria-label": "The best spans of both" }, items);
  ui.rove(list, () => items, { move: k => state.point({ row: shown[k] }), press: k => rows[k].take() });
  const mark = () => {
    const on = shown.map(({ after }) => after !== null && after.join() === ui.selection?.join());
    items.forEach((item, k) => item.setAttribute("aria-selected", String(on[k])));
    tabStop(items, Math.max(0, on.lastIndexOf(true)));
  };
  ui.on("selected", mark);
  mark();
  return [listTitle(data), h("div", { class: "ql-list ql-pairs" }, columnNames(data), noneRow(data), list)];
}

/** @param {Comparison} data */
function listTitle({ labels }) {
  const [one, other] = labels.map(name => said(name));
  const ring = h("i", { class: "ql-ring" }),
    disc = h("i", { class: "ql-disc" });
  return title(
    "Both distributions",
    h("span", {}, "the best spans of either; ", ring, " ", one, " ", disc, " ", other),
  );
}

/** @param {Comparison} data */
function columnNames({ labels }) {
  return h(
    "div",
    { class: "ql-row ql-columns-of", "aria-hidden": "true" },
    h("span", {}, "span"),
    h("span", {}),
    labels.map((name, k) =>
      h("span", {}, name.length <= 9 ? said(name) : h("i", { class: k === 0 ? "ql-ring" : "ql-disc" })),
    ),
    h("span", {}, "change"),
  );
}

/** @param {Comparison} data */
function noneRow({ sides }) {
  const [one, other] = sides;
  return h(
    "div",
    { class: "ql-row ql-none-row" },
    h("span", {}, NO_ANSWER),
    columnsOf([one.none, other.none], "ql-none"),
  );
}

/** @param {CompareState} state @param {Ui} ui @param {CompareRow} row */
function spanRow(state, ui, row) {
  const kind = CHANGED.find(one => state.data.holds(row, one)) ?? "–";
  const name = said(row.text, { class: kind === "gone" ? "ql-mark-gone" : null });
  const el = h(
    "div",
    { class: "ql-row", role: "option", tabindex: -1, "aria-label": rowFacts(state, row).join(", ") },
    h("span", { class: row.answer.includes(true) ? "ql-taken" : null }, name),
    columnsOf(row.p, "", kind),
  );
  const take = () => row.after !== null && state.select([...row.after]);
  ui.listen(el, "click", take);
  ui.listen(el, "pointerenter", () => state.point({ row }));
  ui.listen(el, "pointerleave", () => state.point(null));
  return { el, take };
}

/**
 * A track from 0 to 1 with a ring where a probability was and a dot where it is, and the numbers.
 *
 * @param {(number | null)[]} probabilities
 */
function columnsOf([one, other], kind = "", alone = "–") {
  const way = one !== null && other !== null && wayOf(one, other);
  const track = h(
    "span",
    { class: `ql-pair ${kind}`, "aria-hidden": "true" },
    way,
    one !== null && pointOf(one, "ql-ring"),
    other !== null && pointOf(other, "ql-disc"),
  );
  const change = one === null || other === null ? alone : fmt.signed(other - one, 3);
  return [track, [fmt.probability(one), fmt.probability(other), change].map(words => h("span", {}, words))];
}

/** The way on a track from one probability to the other. @param {number} one @param {number} other */
function wayOf(one, other) {
  const way = h("b", { class: other < one ? "ql-falls" : "ql-rises" });
  way.style.setProperty("--from", `${100 * Math.min(one, other)}%`);
  way.style.setProperty("--wide", `${100 * Math.abs(other - one)}%`);
  return way;
}

/** A point on a track. @param {number} p @param {string} name */
function pointOf(p, name) {
  const point = h("i", { class: name });
  point.style.setProperty("--at", `${100 * p}%`);
  return point;
}
