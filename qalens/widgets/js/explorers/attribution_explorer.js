// @ts-check
// Why: question and text coloured by what each word contributes to one number of the reading.

import { quotations, worker } from "../computing.js";
import { append, fill, h, said } from "../dom.js";
import { below, headline } from "../headline.js";
import { fmt } from "../numbers.js";
import { mount, title } from "../parts.js";
import { computed, evidence, spanList } from "../pictures/evidence.js";
import { Prose } from "../pictures/prose.js";
import { lastAtMost } from "../words.js";
import { ABOUT_NO_SPAN, Why } from "./why.js";

/** @import { Child, Piece, ProseSides, SideName, Stretch, Unit } from "../types" */
/** @import { Ui } from "../ui.js" */

/** @type {[string, string][]} */
const TARGETS = [
  ["answer", "answer"],
  ["start", "start"],
  ["end", "end"],
  ["no_answer", "no answer"],
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
    how.show();
    const parts = why.entry === null ? [] : [evidence(why, texts), computed(why)];
    fill(place, parts);
    texts.show();
    controls.show();
    picker.show();
    work.show();
  };
  const follow = () => {
    const at = why.place();
    if (at >= 0 && at !== ui.get("shown")) ui.set("shown", at);
    texts.mark();
    controls.show();
    picker.show();
    work.show();
  };
  for (const name of ["target", "span", "rival", "method", "baseline"]) ui.on(name, follow);
  ui.on("found", follow);
  ui.on("shown", () => {
    show();
    ui.say(why.entry === null ? "" : `${why.entry.words}: ${fmt.logit(why.entry.amount)} logits`);
  });
  ui.on("unit", () => {
    texts.show();
    controls.show();
  });
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
  return {
    el,
    show() {
      const { entry } = why;
      fill(
        summary,
        h("strong", {}, "How"),
        entry === null
          ? " nothing is explained yet"
          : [" the ", quotations(entry.words), " = ", fmt.logit(entry.amount), " logits, by ", entry.how],
      );
      fill(note, entry?.note);
    },
  };
}

/** Target, method and baseline; only with a reader, since without one there is nothing to compute. @param {Why} why */
function choices(why) {
  const { ui } = why;
  if (!why.live) return { el: null, show() {} };
  const target = ui.choice({
    label: "What is explained",
    options: TARGETS,
    value: ui.get("target"),
    change: value => why.choose({ target: value }),
  });
  const method = ui.choice({
    label: "Method",
    options: METHODS,
    value: ui.get("method"),
    change: value => why.choose({ method: value }),
  });
  const baseline = ui.choice({
    label: "Baseline",
    options: BASELINES,
    value: ui.get("baseline") ?? "pad",
    change: value => why.choose({ baseline: value }),
  });
  /** @param {string} name @param {HTMLElement} part */
  const row = (name, part) => h("div", { class: "ql-control" }, h("span", { class: "ql-soft" }, name), part);
  const below = row("against", baseline.el),
    sides = h("div", { class: "ql-sides" });
  const el = h(
    "section",
    { class: "ql-controls", role: "group", "aria-label": "What is explained, and how" },
    row("explain", target.el),
    sides,
    row("by", method.el),
    below,
  );
  const show = () => {
    target.set(ui.get("target"));
    method.set(ui.get("method"));
    baseline.set(ui.get("baseline") ?? "pad");
    below.hidden = ui.get("method") === "input_x_gradient";
    const held = sides.contains(document.activeElement);
    fill(sides, sidesOf(why, show));
    /** @type {HTMLElement | null} */
    const pressed = sides.querySelector("[aria-pressed=true]");
    if (held) pressed?.focus();
  };
  return { el, show };
}

/**
 * What the target is about, in words; of a contrast both sides, of which one takes the next span that is picked.
 *
 * @param {Why} why @param {() => void} show @returns {Child}
 */
function sidesOf(why, show) {
  const { ui } = why;
  const target = ui.get("target");
  if (target in ABOUT_NO_SPAN) return h("span", { class: "ql-soft" }, ABOUT_NO_SPAN[target]);
  if (target !== "contrast") return ["of ", why.quoted(why.asked("span"))];
  /** @param {"span" | "rival"} name */
  const side = name =>
    ui.button(
      why.quoted(why.asked(name)),
      () => {
        why.side = name;
        show();
      },
      { pressed: why.side === name, small: true },
    );
  return [
    side("span"),
    " over ",
    side("rival"),
    " ",
    ui.button("swap", () => why.choose({ span: why.asked("rival"), rival: why.asked("span") }), {
      small: true,
      name: "Swap both sides",
    }),
    " ",
    h("span", { class: "ql-soft" }, "the next span that you pick becomes the pressed one"),
  ];
}

// --- question and text ------------------------------------------------------------------------------------------------

/** @param {Why} why */
function passages(why) {
  const { ui, view } = why;
  const line = h("p", { class: "ql-readout" });
  /** @param {SideName} side @param {number} t */
  const value = (side, t) => {
    const part = why.entry?.[side];
    const k = t - (part?.first ?? 0);
    return part === undefined || k < 0 || k >= part.value.length ? null : k;
  };
  /**
   * The tokens of the same word: first and last.
   *
   * @param {SideName} side @param {number} t @returns {[number, number]}
   */
  const wordOf = (side, t) => {
    const part = why.entry?.[side],
      k = value(side, t);
    if (part === undefined || k === null || part.word[k] < 0) return [t, t];
    let a = k,
      b = k;
    while (a > 0 && part.word[a - 1] === part.word[k]) a -= 1;
    while (b + 1 < part.word.length && part.word[b + 1] === part.word[k]) b += 1;
    return [a + part.first, b + part.first];
  };
  /** @param {SideName} side @returns {(t: number) => string} */
  const describe = side => t => {
    const { words, begin, end } = sides[side].prose;
    /** @param {number} a @param {number} b */
    const text = (a, b) => words.slice(begin[a], end[b]);
    if (why.entry === null) return text(t, t);
    const k = value(side, t),
      part = why.entry[side];
    if (k === null) return `${text(t, t)}, outside of the window`;
    const unit = ui.get("unit");
    if (unit === "token") return `${text(t, t)}, ${fmt.signed(part.value[k] ?? NaN, why.entry.digits.token)}`;
    const sum = part.word[k] < 0 ? part.value[k] : part.word_value[part.word[k]];
    return `${text(...wordOf(side, t))}, ${fmt.signed(sum ?? NaN, why.entry.digits.word)}`;
  };
  /** @param {SideName} side @returns {(t: number | null) => void} */
  const hover = side => t => {
    if (t === null || why.entry === null) {
      sides[side].prose.mark("pointed", []);
      fill(line, hint(why));
      return;
    }
    const { prose } = sides[side],
      k = value(side, t);
    const [a, b] = ui.get("unit") === "word" && k !== null ? wordOf(side, t) : [t, t];
    prose.mark("pointed", [[prose.begin[a], prose.end[b]]]);
    fill(line, readoutOf(why, side, prose, t, a, b));
  };
  /** @param {number} first @param {number} last */
  const pick = (first, last) => {
    if (why.live) why.take(why.spanOf(first, last));
  };
  /** @type {ProseSides} */
  const sides = {
    question: {
      prose: new ValuedText(ui, {
        text: view.question,
        begin: view.asked.begin,
        end: view.asked.end,
        label: "The question, word by word",
        describe: t => describe("question")(t),
        hover: t => hover("question")(t),
        tall: 120,
      }),
    },
    context: {
      prose: new ValuedText(ui, {
        text: view.context,
        begin: why.begin,
        end: why.end,
        label: "The text, word by word",
        describe: t => describe("context")(t),
        hover: t => hover("context")(t),
        pick,
      }),
    },
  };
  sides.question.prose.el.classList.add("ql-asked");
  const titles = { question: h("span", {}), context: h("span", {}) };
  const unit = ui.choice({
    label: "Values of",
    options: [
      ["word", "by word"],
      ["token", "by token"],
    ],
    value: ui.get("unit"),
    change: choice => ui.set("unit", choice),
  });
  const legend = h("div", {});
  /** @param {string} name @param {SideName} side @param {Child} [extra] */
  const part = (name, side, extra) => [title(name, titles[side], extra), sides[side].prose.el];
  const el = h(
    "section",
    { class: "ql-why" },
    part("Question", "question", h("span", { class: "ql-push" }, unit.el)),
    part("Text", "context"),
    legend,
    line,
  );
  const mark = () => {
    const { entry } = why;
    const asked = ["span", "rival"].filter(
      name => !(ui.get("target") in ABOUT_NO_SPAN) && (name === "span" || ui.get("target") === "contrast"),
    );
    const { prose } = sides.context;
    prose.mark("best", entry?.span.length ? [entry.span] : []);
    prose.mark("rival", entry?.rival.length ? [entry.rival] : []);
    const waiting = why.live && why.place() < 0;
    prose.mark("selected", waiting ? asked.map(name => why.asked(name)).filter(side => side.length === 2) : []);
  };
  const show = () => {
    const { entry } = why;
    mark();
    unit.set(ui.get("unit"));
    /** @type {Unit} */
    const by = ui.get("unit");
    /** @type {SideName[]} */
    const names = ["question", "context"];
    for (const side of names) {
      const { prose } = sides[side];
      const values = valuesOf(why, side, prose.begin.length);
      prose.shade(values, { most: entry?.most[by] || 1, signed: true });
      titles[side].textContent = entry === null ? "" : ` ${entry.sums[side]}`;
    }
    const { prose } = sides.context;
    prose.mark("unseen", entry === null ? [] : unseen(why));
    prose.home = firstToken(why);
    const partly = entry !== null && entry.context.value.length < why.begin.length;
    fill(legend, entry && mount(entry.legend[by]), partly && outside());
    fill(line, hint(why));
    ui.frame(() => prose.reveal(prose.home))();
  };
  return { el, show, mark, sides };
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
    k = t - part.first;
  /** @param {number} from @param {number} to */
  const text = (from, to) => said(prose.words.slice(prose.begin[from], prose.end[to]));
  if (k < 0 || k >= part.value.length) return ["“", text(t, t), "” is outside of the window that is explained"];
  if (why.ui.get("unit") === "token" || a === b) {
    const number = why.ui.get("unit") === "token" || part.word[k] < 0 ? part.value[k] : part.word_value[part.word[k]];
    return ["“", text(t, t), "” ", h("b", {}, fmt.signed(number ?? NaN, entry.digits.word)), " logits"];
  }
  const pieces = [];
  for (let p = a; p <= b && p < a + 8; p++) {
    pieces.push(p > a ? " · " : "", text(p, p), ` ${fmt.signed(part.value[p - part.first] ?? NaN, entry.digits.word)}`);
  }
  return [
    "“",
    text(a, b),
    "” ",
    h("b", {}, fmt.signed(part.word_value[part.word[k]] ?? NaN, entry.digits.word)),
    " logits = ",
    pieces,
    b >= a + 8 ? " · …" : "",
  ];
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
