// @ts-check
// What would change a decision: the smallest flip, what each sentence does, and the fewest sentences that keep it.

import { quotations, worker } from "../computing.js";
import { append, fill, h } from "../dom.js";
import { below, headline } from "../headline.js";
import { NO_ANSWER } from "../numbers.js";
import { mount, pickable } from "../parts.js";
import { Prose } from "../pictures/prose.js";
import { markSelection } from "../selection.js";
import { Words } from "../words.js";

/** @import { ChangeEntry, ChangeView, SentencesEntry } from "../types" */
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
  const tabs = partTabs(ui, live),
    work = worker(ui, { live, missing: () => foundPart(ui) === null, label: "Find it" }),
    found = foundParts(ui, passage(ui, view));
  append(ui.root, [headline(view.head), below(view.head), tabs.el, found.sentence, work.el, found.rest]);
  const show = () => {
    for (const part of [tabs, found, work]) part.show();
  };
  for (const name of ["part", "found", "shown"]) ui.on(name, show);
  ui.on("status", work.show);
  show();
}

/** What was found last of a part, or null. @param {Ui} ui @param {string} [part] the one that is shown */
function foundPart(ui, part = ui.get("part")) {
  /** @type {ChangeEntry[]} */
  const found = ui.get("found");
  return found.findLast(one => one.kind === part) ?? null;
}

/** Where nothing is computed, only what was found can be chosen. @param {Ui} ui @param {boolean} live */
function partTabs(ui, live) {
  const tabs = ui.choice({
    label: "What would change it",
    options: live ? PARTS : PARTS.filter(([part]) => foundPart(ui, part) !== null),
    value: ui.get("part"),
    change: part => ui.set("part", part),
  });
  return { el: h("div", { class: "ql-tools ql-change-parts" }, tabs.el), show: () => tabs.set(ui.get("part")) };
}

/**
 * What was found: a sentence, the text, and what is to be read below it.
 *
 * @param {Ui} ui @param {ReturnType<typeof passage>} text
 */
function foundParts(ui, text) {
  const place = h("div", {}),
    sentence = h("p", { class: "ql-change", "aria-live": "polite" }),
    note = h("p", { class: "ql-note" });
  const show = () => {
    const now = foundPart(ui);
    fill(sentence, now === null ? "" : quotations(now.sentence));
    fill(note, now?.note, now?.note && " ", HOW[ui.get("part")]);
    text.show(now);
    fill(place, now?.kind === "sentences" ? sentenceList(ui, now, text.prose) : now?.after?.map(mount));
  };
  return { sentence, rest: [text.el, place, note], show };
}

// --- the text ---------------------------------------------------------------------------------------------------------

/** @param {Ui} ui @param {ChangeView} view */
function passage(ui, view) {
  const prose = wordProse(ui, view.context);
  const legend = h("div", { class: "ql-legend" });
  if (view.best !== null) prose.mark(view.answered ? "best" : "rejected", [view.best]);
  markSelection(ui, prose);
  /** @param {ChangeEntry | null} entry */
  const show = entry => {
    markFound(prose, entry);
    fill(legend, foundLegend(entry, view.answered ? "the answer" : NO_ANSWER));
  };
  return { el: h("section", {}, prose.el, legend), prose, show };
}

/** A text whose words can be selected. @param {Ui} ui @param {string} text */
function wordProse(ui, text) {
  const words = new Words(text);
  // Words, and what stands between them and is no blank.
  const found = [...text.matchAll(/[\p{L}\p{N}\p{M}]+|[^\s\p{L}\p{N}\p{M}]+/gu)];
  const begin = found.map(match => words.point(match.index));
  const end = found.map(match => words.point(match.index + match[0].length));
  return new Prose(ui, {
    text: words,
    begin,
    end,
    tall: 340,
    label: "The text, word by word",
    pick: (a, b) => ui.set("selected", [begin[a], end[b]]),
  });
}

/** @param {Prose} prose @param {ChangeEntry | null} entry */
function markFound(prose, entry) {
  const spans = entry?.spans ?? [],
    sentences = entry?.kind === "sentences" ? entry : null;
  prose.mark("struck", entry?.kind === "flip" ? spans : []);
  prose.mark("kept", entry?.kind === "fewest" ? spans : []);
  prose.mark("pointed", []);
  prose.shade(sentences && shades(sentences, prose.begin), { most: sentences ? most(sentences) : 1, signed: true });
}

/** @param {ChangeEntry | null} entry @param {string} named what was said */
function foundLegend(entry, named) {
  if (entry === null) return null;
  if (entry.kind === "sentences")
    return [
      h("span", { class: "ql-v ql-v-against" }, `takes from ${named}`),
      h("span", { class: "ql-v ql-v-for" }, `adds to ${named}`),
    ];
  const [mark, words] = entry.kind === "flip" ? ["struck", "masked"] : ["kept", "kept"];
  return entry.spans.length > 0 && h("span", { class: `ql-mark-${mark}` }, words);
}

/** @param {SentencesEntry} entry */
function most(entry) {
  return Math.max(...entry.adds.map(x => Math.abs(x ?? 0))) || 1;
}

/** @param {SentencesEntry} entry @param {ArrayLike<number>} begin */
function shades(entry, begin) {
  return Float32Array.from(begin, at => {
    const sentence = entry.picks.findLastIndex(([from, to]) => from <= at && at < to);
    return entry.adds[sentence] ?? 0;
  });
}

/** @param {Ui} ui @param {SentencesEntry} entry @param {Prose} prose */
function sentenceList(ui, entry, prose) {
  const el = h("div", {}, entry.table.map(mount));
  pickable(ui, el, {
    label: "Sentences, by what they do",
    take: k => ui.set("selected", [...entry.picks[k]]),
    point: k => prose.mark("pointed", k === null ? [] : [entry.picks[k]]),
  });
  return el;
}
