// @ts-check
// What would change a decision: the smallest flip, what each sentence does, and the fewest sentences that keep it.

import { quotations, worker } from "../computing.js";
import { append, fill, h } from "../dom.js";
import { below, headline } from "../headline.js";
import { NO_ANSWER } from "../numbers.js";
import { mount, pickable } from "../parts.js";
import { Prose } from "../pictures/prose.js";
import { Words } from "../words.js";

/** @import { ChangeEntry, ChangeView, SentencesEntry, Stretch } from "../types" */
/** @import { Ui } from "../ui.js" */

/** @type {[string, string][]} */
const PARTS = [
  ["flip", "Smallest flip"],
  ["sentences", "By sentence"],
  ["fewest", "Fewest sentences"],
];
/** @type {Record<string, string>} */
const HOW = {
  flip: "Words are masked, fewest first, until the model says something else; those of the answer itself are left alone.",
  sentences:
    "The text is read again without each sentence: how much the probability of what was said falls. Effects need not add up.",
  fewest: "Sentences are left out until as few as possible are left on which the model says the same.",
};

/** @param {Ui} ui */
export function explore(ui) {
  /** @type {ChangeView} */
  const view = ui.get("view"),
    live = ui.get("live") && !ui.still;
  /** @param {string} kind */
  const entry = kind => {
    /** @type {ChangeEntry[]} */
    const found = ui.get("found");
    return found.findLast(one => one.kind === kind) ?? null;
  };
  const part = () => ui.get("part");
  const tabs = ui.choice({
    label: "What would change it",
    options: live ? PARTS : PARTS.filter(([kind]) => entry(kind) !== null),
    value: part(),
    change: kind => ui.set("part", kind),
  });
  const work = worker(ui, { live, missing: () => entry(part()) === null, label: "Find it" });
  const text = passage(ui, view),
    place = h("div", {}),
    sentence = h("p", { class: "ql-change", "aria-live": "polite" }),
    note = h("p", { class: "ql-note" });
  append(ui.root, [
    headline(view.head),
    below(view.head),
    h("div", { class: "ql-tools ql-change-parts" }, tabs.el),
    sentence,
    work.el,
    text.el,
    place,
    note,
  ]);
  const show = () => {
    const now = entry(part());
    tabs.set(part());
    fill(sentence, now === null ? "" : quotations(now.sentence));
    fill(note, now?.note, now?.note && " ", HOW[part()]);
    text.show(now);
    fill(place, now === null ? null : now.kind === "sentences" ? sentenceList(ui, now, text) : now.after?.map(mount));
    work.show();
  };
  for (const name of ["part", "found", "shown"]) ui.on(name, show);
  ui.on("status", work.show);
  show();
}

/** @param {Ui} ui @param {ChangeView} view */
function passage(ui, view) {
  const words = new Words(view.context);
  // Words, and what stands between them and is no blank.
  const found = [...view.context.matchAll(/[\p{L}\p{N}\p{M}]+|[^\s\p{L}\p{N}\p{M}]+/gu)];
  const begin = found.map(match => words.point(match.index));
  const end = found.map(match => words.point(match.index + match[0].length));
  const prose = new Prose(ui, {
    text: words,
    begin,
    end,
    tall: 340,
    label: "The text, word by word",
    pick: (a, b) => ui.set("selected", [begin[a], end[b]]),
  });
  const legend = h("div", { class: "ql-legend" });
  if (view.best !== null) prose.mark(view.answered ? "best" : "rejected", [view.best]);
  const mark = () => {
    /** @type {Stretch | null} */
    const selected = ui.get("selected");
    prose.mark("selected", Array.isArray(selected) ? [selected] : []);
  };
  ui.on("selected", mark);
  mark();
  return {
    el: h("section", {}, prose.el, legend),
    prose,
    /** @param {ChangeEntry | null} entry */
    show(entry) {
      const spans = entry?.spans ?? [];
      prose.mark("struck", entry?.kind === "flip" ? spans : []);
      prose.mark("kept", entry?.kind === "fewest" ? spans : []);
      prose.mark("pointed", []);
      prose.shade(entry?.kind === "sentences" ? shades(entry, begin) : null, {
        most: entry?.kind === "sentences" ? most(entry) : 1,
        signed: true,
      });
      const named = view.answered ? "the answer" : NO_ANSWER;
      fill(
        legend,
        entry?.kind === "flip" && spans.length > 0 && h("span", { class: "ql-mark-struck" }, "masked"),
        entry?.kind === "fewest" && spans.length > 0 && h("span", { class: "ql-mark-kept" }, "kept"),
        entry?.kind === "sentences" && [
          h("span", { class: "ql-v ql-v-against" }, `takes from ${named}`),
          h("span", { class: "ql-v ql-v-for" }, `adds to ${named}`),
        ],
      );
    },
  };
}

/** @param {SentencesEntry} entry */
function most(entry) {
  return Math.max(...entry.adds.map(x => Math.abs(x ?? 0))) || 1;
}

/** @param {SentencesEntry} entry @param {number[]} begin */
function shades(entry, begin) {
  const values = new Float32Array(begin.length);
  entry.picks.forEach(([from, to], n) => {
    begin.forEach((at, k) => {
      if (from <= at && at < to) values[k] = entry.adds[n] ?? 0;
    });
  });
  return values;
}

/** @param {Ui} ui @param {SentencesEntry} entry @param {{ prose: Prose }} text */
function sentenceList(ui, entry, { prose }) {
  const el = h("div", {}, entry.table.map(mount));
  pickable(ui, el, {
    label: "Sentences, by what they do",
    take: k => ui.set("selected", [...entry.picks[k]]),
    point: k => prose.mark("pointed", k === null ? [] : [entry.picks[k]]),
  });
  return el;
}
