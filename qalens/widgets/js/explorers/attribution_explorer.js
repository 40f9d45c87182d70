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

/** @import { Child, Piece, ProseSides, SideName, Stretch, Unit, ValuedSide } from "../types" */
/** @import { Ui } from "../ui.js" */

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

/** @type {SideName[]} */
const SIDES = ["question", "context"];

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
  const { ui } = why;
  const line = h("p", { class: "ql-readout" }),
    legend = h("div", {});
  const sides = proseSides(why, line);
  const { prose } = sides.context;
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
  const mark = () => markExplained(why, prose);
  const show = () => {
    const { entry } = why;
    mark();
    unit.set(ui.get("unit"));
    for (const side of SIDES) {
      shadeSide(why, side, sides[side].prose);
      titles[side].textContent = entry === null ? "" : ` ${entry.sums[side]}`;
    }
    prose.mark("unseen", entry === null ? [] : unseen(why));
    prose.home = firstToken(why);
    fill(legend, valueLegend(why));
    fill(line, hint(why));
    ui.frame(() => prose.reveal(prose.home))();
  };
  return { el, show, mark, sides };
}

/**
 * Question and text under the pointer; `line` tells the word that is pointed at.
 *
 * @param {Why} why @param {HTMLElement} line @returns {ProseSides}
 */
function proseSides(why, line) {
  const { ui, view } = why;
  /** @type {ProseSides} */
  const sides = {
    question: {
      prose: new ValuedText(ui, {
        text: view.question,
        begin: view.asked.begin,
        end: view.asked.end,
        label: "The question, word by word",
        describe: t => described(why, "question", sides.question.prose, t),
        hover: t => pointAt(why, "question", sides.question.prose, t, line),
        tall: 120,
      }),
    },
    context: {
      prose: new ValuedText(ui, {
        text: view.context,
        begin: why.begin,
        end: why.end,
        label: "The text, word by word",
        describe: t => described(why, "context", sides.context.prose, t),
        hover: t => pointAt(why, "context", sides.context.prose, t, line),
        pick: (first, last) => {
          if (why.live) why.take(why.spanOf(first, last));
        },
      }),
    },
  };
  sides.question.prose.el.classList.add("ql-asked");
  return sides;
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

/** Both sides of what is explained, and the choice that waits to be computed. @param {Why} why @param {Prose} prose */
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
  /** @param {number} from @param {number} to */
  const text = (from, to) => said(prose.words.slice(prose.begin[from], prose.end[to]));
  if (k === null) return ["“", text(t, t), "” is outside of the window that is explained"];
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
