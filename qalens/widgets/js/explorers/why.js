// @ts-check
// What an AttributionExplorer explains: the choice, and what was computed for it.

import { said } from "../dom.js";
import { NO_ANSWER } from "../numbers.js";
import { pairs, Words } from "../words.js";

/** @import { AttributionEntry, Child, Side, Stretch, WhyView } from "../types" */
/** @import { Ui } from "../ui.js" */

/** @type {Record<string, string>} */
export const ABOUT_NO_SPAN = {
  no_answer: "why there is an answer, or none",
  null_score: "why no answer has the score it has",
};

/**
 * Several sets of characters are the same: two pairs, or none.
 *
 * @param {readonly number[]} a @param {readonly number[]} b
 */
export function sameSide(a, b) {
  return a.length === b.length && a.every((place, k) => place === b[k]);
}

/** What is explained, and the picture of it. */
export class Why {
  /** @param {Ui} ui */
  constructor(ui) {
    this.ui = ui;
    /** @type {WhyView} */
    this.view = ui.get("view");
    const tokens = pairs(ui.ints("places"));
    this.holders = ui.ints("holders");
    this.begin = tokens.begin;
    this.end = tokens.end;
    /** @type {boolean} */
    this.live = ui.get("live") && !ui.still;
    /** @type {"span" | "rival"} */
    this.side = "span"; // which side of a contrast the next span becomes
  }
  /** @returns {AttributionEntry[]} */
  get found() {
    return this.ui.get("found");
  }
  /** The entry that is drawn, or null. */
  get entry() {
    return this.found[this.ui.get("shown")] ?? null;
  }
  /**
   * The characters of a side as they are asked for: a pair, or nothing for no answer.
   *
   * @param {string} name @returns {Side}
   */
  asked(name) {
    return this.ui.get(name) ?? (name === "span" ? (this.view.best ?? []) : []);
  }
  /**
   * Where the outcome of the choice is among those that were computed, or -1; of several the one that is drawn.
   *
   * @returns {number}
   */
  place() {
    const target = this.ui.get("target"),
      method = this.ui.get("method"),
      baseline = this.ui.get("baseline");
    const span = target in ABOUT_NO_SPAN ? [] : this.asked("span");
    const rival = target === "contrast" ? this.asked("rival") : [];
    /** @param {AttributionEntry} entry */
    const fits = entry =>
      entry.target === target &&
      entry.method === method &&
      sameSide(entry.span, span) &&
      sameSide(entry.rival, rival) &&
      (baseline === null || entry.baseline === null || entry.baseline === baseline);
    return this.entry !== null && fits(this.entry) ? this.ui.get("shown") : this.found.findIndex(fits);
  }
  /**
   * Choose something: traits by name. Python computes what is not there yet.
   *
   * @param {Record<string, unknown>} traits
   */
  choose(traits) {
    for (const [name, value] of Object.entries(traits)) this.ui.model.set(name, value);
    const place = this.place();
    if (place >= 0) this.ui.model.set("shown", place);
    this.ui.save();
  }
  /** Show one of those that were computed. @param {number} place */
  turn(place) {
    const entry = this.found[place];
    this.choose({
      shown: place,
      target: entry.target,
      method: entry.method,
      baseline: entry.baseline,
      span: entry.target in ABOUT_NO_SPAN ? null : entry.span,
      rival: entry.target === "contrast" ? entry.rival : null,
    });
  }
  /** The text of a side, short. @param {Side} side @returns {Child} */
  quoted(side) {
    if (side.length === 0) return NO_ANSWER;
    const listed = this.view.spans.find(one => sameSide(one.span, side));
    if (listed !== undefined) return ["“", said(listed.text), "”"];
    const text = new Words(this.view.context).slice(...side);
    return ["“", said(text.length > 80 ? `${text.slice(0, 80)}…` : text), "”"];
  }
  /** A span from the text or the list becomes what is explained. @param {Side} span */
  take(span) {
    const target = this.ui.get("target");
    if (target !== "contrast") {
      this.choose({ target: target in ABOUT_NO_SPAN ? "answer" : target, span });
      return;
    }
    const side = this.side;
    this.side = side === "span" ? "rival" : "span";
    this.choose({ [side]: span });
  }
  /**
   * The span of a run of tokens; of a single token the best span with it, then the token itself.
   *
   * @param {number} first @param {number} last @returns {Stretch}
   */
  spanOf(first, last) {
    if (first !== last) return [this.begin[first], this.end[last]];
    /** @type {Stretch} */
    const best = [this.begin[this.holders[2 * first]], this.end[this.holders[2 * first + 1]]];
    const now = this.ui.get("target") === "contrast" ? this.side : "span";
    return sameSide(best, this.asked(now)) ? [this.begin[first], this.end[first]] : best;
  }
}
