// @ts-check
// Why: question and text coloured by what each word contributes to one number of the reading.

import { quotations, worker } from "../computing.js";
import { append, fill, h, said } from "../dom.js";
import { below, headline } from "../headline.js";
import { fmt, NO_ANSWER } from "../numbers.js";
import { mount, title } from "../parts.js";
import { computed, evidence, spanList } from "../pictures/evidence.js";
import { Prose } from "../pictures/prose.js";
import { lastAtMost } from "../words.js";
import { ABOUT_NO_SPAN, Why } from "./why.js";

/** @import { AttributionEntry, Child, Piece, ProseOptions, ProseSides, SideName, Stretch, Unit, ValuedSide } from "../types" */
/** @import { Ui } from "../ui.js" */

/** @typedef {{ show: () => void }} Showing  A part that shows what is chosen now. */

/** @type {[string, string][]} */
const TARGETS = [
  ["answer", "answer"],
  ["start", "start"],
  ["end", "end"],
  ["no_answer", NO_ANSWER],
  ["null_score", "null score"],
  ["contrast", "contrast"],
];
/** @type {[string, string][]} */
const METHODS = [
  ["integrated_gradients", "integrated gradients"],
  ["input_x_gradient", "input × gradient"],
  ["occlusion", "occlusion"],
  ["shapley", "Shapley values"],
];
/** @type {[string, string][]} */
const BASELINES = [
  ["pad", "padding"],
  ["mask", "mask"],
  ["mean", "mean"],
  ["zero", "zero"],
];

/** Text whose tokens say their value to those who do not see it. */
class ValuedText extends Prose {
  /** @param {Piece} piece @param {number} p */
  _paintPiece(piece, p) {
    super._paintPiece(piece, p);
    if (this.first[p] < 0 || this.values === null || piece.qlSaid === this.values) return;
    piece.qlSaid = this.values;
    piece.setAttribute("aria-label", this.describe(this.first[p]));
  }
}

/** @param {Ui} ui */
export function explore(ui) {
  const why = new Why(ui);
  const place = h("div", {}),
    head = h("div", {});
  const texts = passages(why),
    picker = spanList(why),
    controls = choices(why),
    work = worker(ui, { live: why.live, missing: () => why.place() < 0, label: "Explain" });
  const how = howFold(why, controls.el);
  append(ui.root, [head, work.el, how.el, texts.el, place, picker.el]);
  const show = () => {
    fill(head, heading(why));
    fill(place, why.entry !== null && [evidence(why, texts), computed(why)]);
    for (const part of [how, texts, controls, picker, work]) part.show();
  };
  connect(why, show, { texts, picker, controls, work });
}

/**
 * Let the parts follow what is asked for, and all of it what is explained.
 *
 * @param {Why} why @param {() => void} show all of it
 * @param {{ texts: ReturnType<typeof passages>, picker: Showing, controls: Showing, work: Showing }} parts
 */
function connect(why, show, { texts, picker, controls, work }) {
  const { ui } = why;
  const follow = () => {
    const at = why.place();
    if (at >= 0 && at !== ui.get("shown")) ui.set("shown", at);
    texts.mark();
    for (const part of [controls, picker, work]) part.show();
  };
  for (const name of ["target", "span", "rival", "method", "baseline", "found"]) ui.on(name, follow);
  ui.on("shown", () => {
    show();
    ui.say(why.entry === null ? "" : `${why.entry.words}: ${fmt.logit(why.entry.amount)} logits`);
  });
  for (const part of [texts, controls]) ui.on("unit", part.show);
  ui.on("status", work.show);
  show();
}

// --- what is explained ------------------------------------------------------------------------------------------------

/** @param {Why} why @returns {Child} */
function heading({ view, entry }) {
  const because = entry !== null && [
    h("p", { class: "ql-because" }, quotations(entry.sentence)),
    entry.warnings.map(mount),
  ];
  return [headline(view.head), below(view.head), because];
}

/**
 * What exactly is explained, and how it was computed; the choices of both are folded away below it.
 *
 * @param {Why} why @param {HTMLElement | null} controls
 */
function howFold(why, controls) {
  const summary = h("summary", {}),
    note = h("p", { class: "ql-note ql-how" });
  const el = h("details", { class: "ql-howfold" }, summary, note, controls);
  const show = () => {
    const { entry } = why;
    fill(summary, h("strong", {}, "How"), entry === null ? " nothing is explained yet" : howWords(entry));
    fill(note, entry?.note);
  };
  return { el, show };
}

/** @param {AttributionEntry} entry @returns {Child} */
function howWords({ words, amount, how }) {
  return [" the ", quotations(words), " = ", fmt.logit(amount), " logits, by ", how];
}

/** Target, method and baseline; only with a reader, since without one there is nothing to compute. @param {Why} why */
function choices(why) {
  if (!why.live) return { el: null, show() {} };
  const target = whyChoice(why, "target", "What is explained", TARGETS),
    method = whyChoice(why, "method", "Method", METHODS),
    baseline = whyChoice(why, "baseline", "Baseline", BASELINES);
  const against = control("against", baseline.el),
    sides = h("div", { class: "ql-sides" });
  const rows = [control("explain", target.el), sides, control("by", method.el), against];
  const el = h("section", { class: "ql-controls", role: "group", "aria-label": "What is explained, and how" }, rows);
  const show = () => {
    for (const choice of [target, method, baseline]) choice.show();
    against.hidden = why.ui.get("method") === "input_x_gradient";
    showSides(why, sides, show);
  };
  return { el, show };
}

/**
 * A choice of what a trait is; where it is not set, the first.
 *
 * @param {Why} why @param {string} name @param {string} label @param {[string, string][]} options
 */
function whyChoice(why, name, label, options) {
  const value = () => why.ui.get(name) ?? options[0][0];
  const { el, set } = why.ui.choice({ label, options, value: value(), change: one => why.choose({ [name]: one }) });
  return { el, show: () => set(value()) };
}

/** @param {string} name @param {HTMLElement} part */
function control(name, part) {
  return h("div", { class: "ql-control" }, h("span", { class: "ql-soft" }, name), part);
}

/**
 * Show both sides anew; the pressed button gets the focus back.
 *
 * @param {Why} why @param {HTMLElement} el @param {() => void} show
 */
function showSides(why, el, show) {
  const held = el.contains(document.activeElement);
  fill(el, sidesOf(why, show));
  /** @type {HTMLElement | null} */
  const pressed = el.querySelector("[aria-pressed=true]");
  if (held) pressed?.focus();
}

/**
 * What the target is about, in words; of a contrast both sides, of which one takes the next span that is picked.
 *
 * @param {Why} why @param {() => void} show @returns {Child}
 */
function sidesOf(why, show) {
  const target = why.ui.get("target");
  if (target in ABOUT_NO_SPAN) return h("span", { class: "ql-soft" }, ABOUT_NO_SPAN[target]);
  if (target !== "contrast") return ["of ", why.quoted(why.asked("span"))];
  const swap = () => why.choose({ span: why.asked("rival"), rival: why.asked("span") });
  return [
    sideButton(why, "span", show),
    " over ",
    sideButton(why, "rival", show),
    " ",
    why.ui.button("swap", swap, { small: true, name: "Swap both sides" }),
    " ",
    h("span", { class: "ql-soft" }, "the next span that you pick becomes the pressed one"),
  ];
}

/**
 * A button for a side of a contrast: the pressed one takes the next span.
 *
 * @param {Why} why @param {"span" | "rival"} name @param {() => void} show
 */
function sideButton(why, name, show) {
  const press = () => {
    why.side = name;
    show();
  };
  return why.ui.button(why.quoted(why.asked(name)), press, { pressed: why.side === name, small: true });
}

// --- question and text ------------------------------------------------------------------------------------------------

/** @param {Why} why */
function passages(why) {
  const line = h("p", { class: "ql-readout" }),
    legend = h("div", {});
  const sides = proseSides(why, line);
  const unit = unitChoice(why.ui),
    question = sidePart(why, "question", sides, "Question", h("span", { class: "ql-push" }, unit.el)),
    context = sidePart(why, "context", sides, "Text");
  const mark = () => markExplained(why, sides.context.prose);
  const show = () => {
    mark();
    for (const part of [unit, question, context]) part.show();
    revealStart(why, sides.context.prose);
    fill(legend, valueLegend(why));
    fill(line, hint(why));
  };
  return { el: h("section", { class: "ql-why" }, question.el, context.el, legend, line), show, mark, sides };
}

/** @param {Ui} ui */
function unitChoice(ui) {
  const { el, set } = ui.choice({
    label: "Values of",
    options: [
      ["word", "by word"],
      ["token", "by token"],
    ],
    value: ui.get("unit"),
    change: unit => ui.set("unit", unit),
  });
  return { el, show: () => set(ui.get("unit")) };
}

/**
 * One side under its title, which tells what its values add up to.
 *
 * @param {Why} why @param {SideName} side @param {ProseSides} sides @param {string} name @param {Child} [extra]
 */
function sidePart(why, side, sides, name, extra) {
  const { prose } = sides[side],
    sum = h("span", {});
  const show = () => {
    shadeSide(why, side, prose);
    sum.textContent = why.entry === null ? "" : ` ${why.entry.sums[side]}`;
  };
  return { el: [title(name, sum, extra), prose.el], show };
}

/** Bring in sight where the cursor starts. @param {Why} why @param {Prose} prose */
function revealStart(why, prose) {
  prose.home = firstToken(why);
  why.ui.frame(() => prose.reveal(prose.home))();
}

/**
 * Question and text under the pointer; `line` tells the word that is pointed at.
 *
 * @param {Why} why @param {HTMLElement} line @returns {ProseSides}
 */
function proseSides(why, line) {
  const { view } = why;
  const question = valuedSide(why, "question", line, {
    text: view.question,
    ...view.asked,
    label: "The question, word by word",
    tall: 120,
  });
  question.prose.el.classList.add("ql-asked");
  const context = valuedSide(why, "context", line, {
    text: view.context,
    begin: why.begin,
    end: why.end,
    label: "The text, word by word",
    pick: (first, last) => why.live && why.take(why.spanOf(first, last)),
  });
  return { question, context };
}

/**
 * @param {Why} why @param {SideName} side @param {HTMLElement} line @param {ProseOptions} options
 */
function valuedSide(why, side, line, options) {
  /** @type {Prose} */
  const prose = new ValuedText(why.ui, {
    describe: t => described(why, side, prose, t),
    hover: t => pointAt(why, side, prose, t, line),
    ...options,
  });
  return { prose };
}

/**
 * Where the value of a token is among those of its side, or null.
 *
 * @param {ValuedSide} part @param {number} t
 */
function valueAt({ first, value }, t) {
  return t < first || t >= first + value.length ? null : t - first;
}

/**
 * The tokens of the same word: first and last.
 *
 * @param {ValuedSide} part @param {number} t @returns {[number, number]}
 */
function wordOf(part, t) {
  const k = valueAt(part, t);
  if (k === null || part.word[k] < 0) return [t, t];
  let a = k,
    b = k;
  while (a > 0 && part.word[a - 1] === part.word[k]) a -= 1;
  while (b + 1 < part.word.length && part.word[b + 1] === part.word[k]) b += 1;
  return [a + part.first, b + part.first];
}

/**
 * A token, or the word that it is of, with its value, for those who do not see it.
 *
 * @param {Why} why @param {SideName} side @param {Prose} prose @param {number} t
 */
function described({ ui, entry }, side, { words, begin, end }, t) {
  /** @param {number} a @param {number} b */
  const text = (a, b) => words.slice(begin[a], end[b]);
  if (entry === null) return text(t, t);
  const part = entry[side],
    k = valueAt(part, t);
  if (k === null) return `${text(t, t)}, outside of the window`;
  if (ui.get("unit") === "token") return `${text(t, t)}, ${fmt.signed(part.value[k] ?? NaN, entry.digits.token)}`;
  const sum = part.word[k] < 0 ? part.value[k] : part.word_value[part.word[k]];
  return `${text(...wordOf(part, t))}, ${fmt.signed(sum ?? NaN, entry.digits.word)}`;
}

/**
 * @param {Why} why @param {SideName} side @param {Prose} prose @param {number | null} t @param {HTMLElement} line
 */
function pointAt(why, side, prose, t, line) {
  const { ui, entry } = why;
  if (t === null || entry === null) {
    prose.mark("pointed", []);
    fill(line, hint(why));
    return;
  }
  const [a, b] = ui.get("unit") === "word" ? wordOf(entry[side], t) : [t, t];
  prose.mark("pointed", [[prose.begin[a], prose.end[b]]]);
  fill(line, readoutOf(why, side, prose, t, a, b));
}

/**
 * Mark both sides of what is explained, the choice that waits to be computed, and what the window does not see.
 *
 * @param {Why} why @param {Prose} prose
 */
function markExplained(why, prose) {
  const { ui, entry } = why;
  const target = ui.get("target");
  const asked = ["span", "rival"].filter(
    name => !(target in ABOUT_NO_SPAN) && (name === "span" || target === "contrast"),
  );
  prose.mark("best", entry?.span.length ? [entry.span] : []);
  prose.mark("rival", entry?.rival.length ? [entry.rival] : []);
  const waiting = why.live && why.place() < 0;
  prose.mark("selected", waiting ? asked.map(name => why.asked(name)).filter(side => side.length === 2) : []);
  prose.mark("unseen", unseen(why));
}

/** @param {Why} why @param {SideName} side @param {Prose} prose */
function shadeSide(why, side, prose) {
  /** @type {Unit} */
  const by = why.ui.get("unit");
  prose.shade(valuesOf(why, side, prose.begin.length), { most: why.entry?.most[by] || 1, signed: true });
}

/** What the shades mean, and the mark of what the window does not see. @param {Why} why @returns {Child} */
function valueLegend({ ui, entry, begin }) {
  if (entry === null) return null;
  /** @type {Unit} */
  const by = ui.get("unit");
  return [mount(entry.legend[by]), entry.context.value.length < begin.length && outside()];
}

/**
 * The value of each token of a side by the unit that is chosen; 0 outside of the window.
 *
 * @param {Why} why @param {SideName} side @param {number} n
 */
function valuesOf(why, side, n) {
  const values = new Float32Array(n),
    part = why.entry?.[side];
  if (part === undefined) return values;
  const byWord = why.ui.get("unit") === "word";
  part.value.forEach((own, k) => {
    values[part.first + k] = (byWord && part.word[k] >= 0 ? part.word_value[part.word[k]] : own) ?? 0;
  });
  return values;
}

/** The stretches of the text that the window does not see. @param {Why} why @returns {Stretch[]} */
function unseen(why) {
  if (why.entry === null) return [];
  const { first, value } = why.entry.context,
    last = first + value.length - 1;
  if (value.length === 0) return [];
  const length = why.end[why.end.length - 1];
  /** @type {Stretch[]} */
  const ends = [
    [0, why.begin[first]],
    [why.end[last], length],
  ];
  return ends.filter(([a, b], k) => (k === 0 ? first > 0 : last + 1 < why.begin.length) && b > a);
}

/** Where the cursor starts: at the span that is explained, else at the strongest word of the text. @param {Why} why */
function firstToken(why) {
  const { entry } = why;
  const place = entry?.span.at(0) ?? why.view.best?.[0];
  if (entry !== null && entry.span.length === 0) {
    const strongest = entry.picks.find(([side]) => side === "context");
    if (strongest !== undefined) return strongest[1];
  }
  return place === undefined ? 0 : Math.max(0, lastAtMost(why.begin, place));
}

/**
 * One word in numbers: its value, that of its tokens, and its share.
 *
 * @param {Why} why @param {SideName} side @param {Prose} prose @param {number} t @param {number} a @param {number} b
 * @returns {Child}
 */
function readoutOf(why, side, prose, t, a, b) {
  const { entry } = why;
  if (entry === null) return null;
  const part = entry[side],
    k = valueAt(part, t);
  if (k === null) return ["“", textFrom(prose, t, t), "” is outside of the window that is explained"];
  const byToken = why.ui.get("unit") === "token" || part.word[k] < 0,
    value = byToken ? part.value[k] : part.word_value[part.word[k]];
  const number = h("b", {}, fmt.signed(value ?? NaN, entry.digits.word));
  const named = ["“", textFrom(prose, a, b), "” ", number, " logits"];
  return a === b ? named : [named, " = ", tokenValues(part, prose, [a, b], entry.digits.word)];
}

/**
 * The tokens of a word with their values, the first eight of them.
 *
 * @param {ValuedSide} part @param {Prose} prose @param {[first: number, last: number]} word @param {number} digits
 * @returns {Child}
 */
function tokenValues({ first, value }, prose, [a, b], digits) {
  const shown = Array.from({ length: Math.min(8, b + 1 - a) }, (_, k) => a + k);
  const pieces = shown.map(p => [
    p > a && " · ",
    textFrom(prose, p, p),
    ` ${fmt.signed(value[p - first] ?? NaN, digits)}`,
  ]);
  return [pieces, b >= a + 8 && " · …"];
}

/** The text from one token to another. @param {Prose} prose @param {number} from @param {number} to */
function textFrom({ words, begin, end }, from, to) {
  return said(words.slice(begin[from], end[to]));
}

/** @param {Why} why */
function hint(why) {
  if (why.entry === null)
    return why.live
      ? "Choose what to explain: a click on a word takes the best span with it, a drag takes exactly what you mark."
      : "";
  return why.live
    ? "Point at a word to see its value; click to explain the best span with it; drag to mark a span of your own."
    : "Point at a word to see its value.";
}

function outside() {
  return h("div", { class: "ql-legend" }, h("span", { class: "ql-mark-unseen" }, "outside of the window"));
}
