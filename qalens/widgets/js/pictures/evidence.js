// @ts-check
// The diagnostics of an attribution and what else could be explained: beside the texts of the AttributionExplorer.

import { listOf, quotations } from "../computing.js";
import { fill, h, said } from "../dom.js";
import { ABOUT_NO_SPAN, sameSide } from "../explorers/why.js";
import { fmt, NO_ANSWER } from "../numbers.js";
import { mount, pickable, title } from "../parts.js";

/** @import { Why } from "../explorers/why.js" */
/** @import { Child, ProseSides, Side } from "../types" */

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
  const show = () => {
    if (!why.live || view.spans.length === 0) return;
    const contrast = ui.get("target") === "contrast";
    /** @type {Side[]} */
    const sides = view.spans.map(one => one.span);
    if (contrast) sides.push([]);
    /** @param {Side} span */
    const role = span => {
      if (ui.get("target") in ABOUT_NO_SPAN) return "";
      if (sameSide(span, why.asked("span"))) return contrast ? "the one side" : "explained";
      return contrast && sameSide(span, why.asked("rival")) ? "the other side" : "";
    };
    const rows = sides.map((span, k) => [
      h("span", {}, k < view.spans.length ? said(view.spans[k].text) : NO_ANSWER),
      h("span", { class: "ql-soft" }, role(span)),
      h("span", {}, fmt.probability(k < view.spans.length ? view.spans[k].p : view.none)),
    ]);
    /** @type {(Element | null)[]} */
    const before = [...el.querySelectorAll("[role=option]")];
    const held = before.indexOf(document.activeElement);
    fill(
      el,
      title("Spans", contrast ? "pick both sides here or in the text" : "pick here or in the text what is explained"),
      listOf(ui, {
        label: "Spans to explain",
        rows,
        selected: sides.map(span => role(span) !== ""),
        take: k => why.take(sides[k]),
      }),
    );
    /** @type {NodeListOf<HTMLElement>} */
    const options = el.querySelectorAll("[role=option]");
    if (held >= 0) options[Math.min(held, rows.length - 1)].focus();
  };
  return { el, show };
}

/** Everything that was computed, to be shown again at once. @param {Why} why */
export function computed(why) {
  const { ui, found } = why;
  if (found.length < 2) return null;
  const rows = found.map(entry => [
    h("span", {}, quotations(entry.words)),
    h("span", { class: "ql-soft" }, entry.how),
    h("span", {}, fmt.logit(entry.amount)),
  ]);
  const list = listOf(ui, {
    label: "Computed",
    rows,
    selected: found.map((_, k) => k === ui.get("shown")),
    take: k => {
      why.turn(k);
      /** @type {HTMLElement | null} */
      const now = ui.root.querySelector(".ql-pick[aria-label=Computed] [aria-selected=true]");
      now?.focus();
    },
  });
  return h("section", {}, title("Computed", "shown again without the model"), list);
}
