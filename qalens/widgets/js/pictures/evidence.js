// @ts-check
// The diagnostics of an attribution and what else could be explained: beside the texts of the AttributionExplorer.

import { listOf } from "../computing.js";
import { fill, h, said } from "../dom.js";
import { ABOUT_NO_SPAN, sameSide } from "../explorers/why.js";
import { fmt, NO_ANSWER } from "../numbers.js";
import { mount, pickable, title } from "../parts.js";
import { computedList } from "./computed_list.js";

/** @import { Why } from "../explorers/why.js" */
/** @import { AttributionEntry, Child, ProseSides, Side } from "../types" */

/**
 * The words that count most, each shown in its text when it is pointed at, where the values come from, and diagnostics.
 *
 * @param {Why} why @param {{ sides: ProseSides }} texts @returns {Child}
 */
export function evidence(why, texts) {
  const { ui, entry } = why;
  if (entry === null) return null;
  const words = h("div", {}, entry.strongest.map(mount));
  /** @param {number | null} k */
  const go = k => {
    for (const { prose } of Object.values(texts.sides)) prose.hover(null);
    if (k === null) return;
    const [side, token] = entry.picks[k];
    texts.sides[side].prose.reveal(token);
    texts.sides[side].prose.hover(token);
  };
  pickable(ui, words, { label: "Strongest words", take: go, point: go });
  return [words, h("div", { class: "ql-columns" }, entry.evidence.map(mount))];
}

// --- what can be chosen -----------------------------------------------------------------------------------------------

/** The best spans of the reading, to be explained or held against each other. @param {Why} why */
export function spanList(why) {
  const { ui, view } = why;
  const el = h("section", {});
  const options = () => /** @type {HTMLElement[]} */ ([...el.querySelectorAll("[role=option]")]);
  const show = () => {
    if (!why.live || view.spans.length === 0) return;
    const held = options().indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const contrast = ui.get("target") === "contrast";
    const about = contrast ? "pick both sides here or in the text" : "pick here or in the text what is explained";
    fill(el, title("Spans", about), sideList(why, contrast));
    const now = options();
    if (held >= 0) now[Math.min(held, now.length - 1)].focus();
  };
  return { el, show };
}

/** The spans, of a contrast with no answer as one of them. @param {Why} why @param {boolean} contrast */
function sideList(why, contrast) {
  const { ui, view } = why;
  /** @type {{ span: Side, name: Child, p: number }[]} */
  const sides = view.spans.map(({ span, text, p }) => ({ span, name: said(text), p }));
  if (contrast) sides.push({ span: [], name: NO_ANSWER, p: view.none });
  const roles = sides.map(({ span }) => roleOf(why, span));
  return listOf(ui, {
    label: "Spans to explain",
    rows: sides.map(({ name, p }, k) => [
      h("span", {}, name),
      h("span", { class: "ql-soft" }, roles[k]),
      h("span", {}, fmt.probability(p)),
    ]),
    selected: roles.map(role => role !== ""),
    take: k => why.take(sides[k].span),
  });
}

/** What a span is in the explanation; empty for none. @param {Why} why @param {Side} span */
function roleOf(why, span) {
  const target = why.ui.get("target"),
    contrast = target === "contrast";
  if (target in ABOUT_NO_SPAN) return "";
  if (sameSide(span, why.asked("span"))) return contrast ? "the one side" : "explained";
  return contrast && sameSide(span, why.asked("rival")) ? "the other side" : "";
}

/** Everything that was computed, to be shown again at once. @param {Why} why */
export function computed(why) {
  /** @param {AttributionEntry} entry */
  const how = entry => entry.how;
  const list = computedList(why.ui, how, k => {
    why.turn(k);
    /** @type {HTMLElement | null} */
    const now = why.ui.root.querySelector(".ql-pick[aria-label=Computed] [aria-selected=true]");
    now?.focus();
  });
  return list && h("section", {}, list);
}
