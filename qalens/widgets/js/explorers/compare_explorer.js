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
import { Ui } from "../ui.js";
import { cut } from "../words.js";

/** @import { CompareRow, CompareSide, CompareState, Stretch, StretchKind } from "../types" */

const LISTED = 7; // spans in the list

/** @param {Ui} ui */
export function explore(ui) {
  /** @type {CompareState} */
  const state = {
    ui,
    data: new Comparison(ui),
    hover: null,
    select: range => ui.set("selected", range),
    point() {},
    follow() {},
  };
  const strip = stripOf(state),
    line = lineOf(state);
  const mark = () => {
    state.text?.mark();
    state.list?.mark();
    strip.point();
    line.show();
  };
  const both = bothOf(state, () => {
    strip.fit();
    mark();
  });
  append(ui.root, [editing(ui), both.head, h("section", {}, strip.heading, line.el, strip.el), both.below]);
  state.point = hover => {
    state.hover = hover;
    state.text?.point();
    strip.point();
    line.show();
  };
  both.draw();
  ui.on("picture", () => {
    both.draw();
    ui.say(`${state.data.became}: ${state.data.sides.map(spoken).join(", now ")}`);
  });
  ui.on("selected", () => {
    mark();
    /** @type {Stretch | null} */
    const selected = ui.get("selected");
    if (!Array.isArray(selected)) return;
    const place = state.data.placeOf(selected[0]);
    state.text?.prose.reveal(Math.max(0, state.data.wordAt(place)));
    strip.include(place);
    ui.say(line.words());
  });
  ui.frame(() => strip.fit())();
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
 * @param {CompareState} state @param {() => void} drawn
 */
function bothOf(state, drawn) {
  const { ui } = state;
  const head = h("div", {}),
    texts = h("section", { class: "ql-flow" }),
    spans = h("section", {}),
    note = h("p", { class: "ql-note" });
  /** @type {AbortController | null} */
  let drawing = null;
  ui.done(() => drawing?.abort());
  const draw = () => {
    const old = drawing,
      focused = texts.contains(document.activeElement),
      scrolled = state.text?.prose.el.scrollTop ?? 0;
    drawing = new AbortController();
    state.hover = null;
    state.data = new Comparison(ui);
    const parts = new Ui(ui.model, h("div", {}), drawing.signal);
    parts.live = ui.live;
    parts.kernel = ui.kernel;
    fill(head, heads(state));
    state.text = textOf(state, parts);
    fill(texts, state.text.parts);
    state.list = listed(state, parts);
    fill(spans, state.list.parts);
    fill(note, apart(state.data));
    old?.abort();
    drawn();
    state.text.prose.el.scrollTop = scrolled;
    if (focused) state.text.prose.el.focus();
  };
  return { head, below: [texts, spans, note], draw };
}

// --- both decisions ---------------------------------------------------------------------------------------------------

/** @param {CompareSide} side */
function spoken({ head }) {
  return `${head.said.map(([text]) => text).join("")}, ${head.number}`;
}

/** @param {CompareState} state */
function heads({ data }) {
  const [one, other] = data.sides;
  const asked = one.head.asked === other.head.asked;
  const sides = data.sides.map((side, k) =>
    decisionOf(side, data.labels[k], {
      asked: !asked,
      model: one.model !== other.model && data.labels[k] !== side.model,
    }),
  );
  const change = h(
    "div",
    { class: "ql-delta" },
    h("span", { class: "ql-side-name" }, "P(no answer)"),
    h("span", { class: "ql-big" }, points(data.none)),
    h("small", {}, `${fmt.percent(one.none)} → ${fmt.percent(other.none)}`),
  );
  return [
    h(
      "header",
      { class: "ql-head ql-asked" },
      asked
        ? said(one.head.asked, { class: "ql-question", role: "heading", "aria-level": 3 })
        : h("span", { class: "ql-question", role: "heading", "aria-level": 3 }, "Two questions"),
      h("span", { class: "ql-became" }, data.became),
    ),
    h(
      "div",
      { class: "ql-sides" },
      sides[0],
      h("span", { class: "ql-arrow", "aria-hidden": "true" }, "→"),
      sides[1],
      change,
    ),
  ];
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
  const prose = new Prose(ui, {
    text: data.flow,
    begin: data.begin,
    end: data.end,
    tall: 300,
    label: "Both texts in one, word by word. Arrows move, Enter selects the best span with a word.",
    describe: word => factsOf(state, word).join("; "),
    hover: word => state.point(word === null ? null : { word }),
    move: word => state.follow(data.begin[word]),
    pick: (a, b) => {
      const best = a === b ? data.bestWith(a) : null;
      const range = best?.after ?? data.toAfter(data.begin[a], data.end[b]);
      if (range !== null) state.select([...range]);
    },
    key: event => {
      if (event.key !== "Escape" || ui.get("selected") === null) return false;
      state.select(null);
      return true;
    },
  });
  prose.shade(values, { most, signed: true });
  prose.mark("gone", data.ranges("gone"));
  prose.mark("new", data.ranges("new"));
  const [was, is] = [0, 1].map(k => data.spans.find(({ answer }) => answer[k])?.ranges ?? []);
  prose.mark("was", was);
  prose.mark("best", is);
  prose.home = data.begin.findIndex((_, word) => Math.abs(values[word]) === data.most);
  return {
    prose,
    parts: [title("Text", edits(data)), prose.el, legendOf(data, most, was, is)],
    mark() {
      /** @type {Stretch | null} */
      const selected = ui.get("selected");
      prose.mark("selected", Array.isArray(selected) ? data.toFlow(selected) : []);
    },
    point() {
      prose.mark("pointed", state.hover === null ? [] : data.rangesOf(state.hover));
    },
  };
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
  return h(
    "div",
    { class: "ql-legend" },
    data.most >= 0.0005
      ? h(
          "span",
          {},
          `${MINUS}${most} `,
          h("i", { class: "ql-ramp ql-ramp-against-for" }),
          ` +${most} probability of being in the answer`,
        )
      : h("span", {}, "No character’s chances changed."),
    is.length > 0 && same && h("span", { class: "ql-mark-best" }, "answer of both"),
    is.length > 0 &&
      !same &&
      h("span", { class: "ql-mark-best" }, `answer ${data.labels[1] === "after" ? "after" : "of the second"}`),
    was.length > 0 &&
      !same &&
      h("span", { class: "ql-mark-was" }, `answer ${data.labels[0] === "before" ? "before" : "of the first"}`),
    kinds.has("gone") && h("span", { class: "ql-mark-gone" }, "gone"),
    kinds.has("new") && h("span", { class: "ql-mark-new" }, "new"),
  );
}

/** @param {Comparison} data */
function edits(data) {
  /** @type {StretchKind[]} */
  const kinds = ["gone", "new"];
  const [gone, fresh] = kinds.map(kind => data.ranges(kind).reduce((sum, [a, b]) => sum + b - a, 0));
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

/**
 * One line of facts: of what is pointed at, else of what is selected, else how to begin.
 *
 * @param {CompareState} state
 */
function lineOf(state) {
  const el = h("div", { class: "ql-readout" });
  const facts = () => {
    const { hover, data } = state;
    /** @type {Stretch | null} */
    const selected = state.ui.get("selected");
    if (hover !== null) return hover.row ? rowFacts(state, hover.row) : factsOf(state, hover.word);
    if (!Array.isArray(selected)) return null;
    const row = data.rowOf(selected);
    if (row !== null) return rowFacts(state, row);
    const stretch = data
      .toFlow(selected)
      .map(([a, b]) => data.flow.slice(a, b))
      .join("");
    return [`“${cut(stretch, 70)}”`, "is none of the most probable spans"];
  };
  return {
    el,
    words: () => (facts() ?? ["nothing is selected"]).join(", "),
    show() {
      const [name, ...rest] = facts() ?? [];
      if (name === undefined)
        fill(
          el,
          "Point at a word to see what became of it; click to select its best span, or drag over several words.",
        );
      else
        fill(
          el,
          h("b", {}, said(name)),
          rest.map(part => [" · ", part]),
        );
    },
  };
}

// --- both distributions -----------------------------------------------------------------------------------------------

/** @param {CompareState} state @param {Ui} ui */
function listed(state, ui) {
  const { data } = state;
  // The first ones always, others only where there is something to see.
  const shown = data.spans.slice(0, LISTED).filter(({ p }, k) => k < 3 || Math.max(...p.map(Number)) >= 0.001);
  const rows = shown.map(row => spanRow(state, ui, row));
  const list = h(
    "div",
    { role: "listbox", "aria-label": "The best spans of both" },
    rows.map(({ el }) => el),
  );
  ui.rove(list, () => rows.map(({ el }) => el), {
    move: k => state.point({ row: rows[k].row }),
    press: k => rows[k].take(),
  });
  const mark = () => {
    /** @type {Stretch | null} */
    const selected = ui.get("selected");
    let stop = 0;
    rows.forEach(({ el, row }, k) => {
      const on = Array.isArray(selected) && row.after !== null && row.after.join() === selected.join();
      el.setAttribute("aria-selected", String(on));
      if (on) stop = k;
    });
    rows.forEach(({ el }, k) => {
      el.tabIndex = k === stop ? 0 : -1;
    });
  };
  return {
    mark,
    parts: [listTitle(data), h("div", { class: "ql-list ql-pairs" }, columnNames(data), noneRow(data), list)],
  };
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
  const { data } = state,
    gone = data.holds(row, "gone");
  const el = h(
    "div",
    {
      class: "ql-row",
      role: "option",
      tabindex: -1,
      "aria-selected": "false",
      "aria-label": rowFacts(state, row).join(", "),
    },
    h(
      "span",
      { class: row.answer.includes(true) ? "ql-taken" : null },
      said(row.text, { class: gone ? "ql-mark-gone" : null }),
    ),
    columnsOf(row.p, "", gone ? "gone" : data.holds(row, "new") ? "new" : "–"),
  );
  const take = () => row.after !== null && state.select([...row.after]);
  ui.listen(el, "click", take);
  ui.listen(el, "pointerenter", () => state.point({ row }));
  ui.listen(el, "pointerleave", () => state.point(null));
  return { el, row, take };
}

/**
 * A track from 0 to 1 with a ring where a probability was and a dot where it is, and the numbers.
 *
 * @param {(number | null)[]} probabilities
 */
function columnsOf([one, other], kind = "", alone = "–") {
  const track = h("span", { class: `ql-pair ${kind}`, "aria-hidden": "true" });
  if (one !== null && other !== null) {
    const way = h("b", { class: other < one ? "ql-falls" : "ql-rises" });
    way.style.setProperty("--from", `${100 * Math.min(one, other)}%`);
    way.style.setProperty("--wide", `${100 * Math.abs(other - one)}%`);
    track.append(way);
  }
  /** @type {[number | null, string][]} */
  const places = [
    [one, "ql-ring"],
    [other, "ql-disc"],
  ];
  for (const [p, name] of places) {
    if (p === null) continue;
    const point = h("i", { class: name });
    point.style.setProperty("--at", `${100 * p}%`);
    track.append(point);
  }
  const change = one === null || other === null ? alone : fmt.signed(other - one, 3);
  return [track, h("span", {}, fmt.probability(one)), h("span", {}, fmt.probability(other)), h("span", {}, change)];
}
