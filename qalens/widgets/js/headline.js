// @ts-check
// The head of an explorer: what was asked, and what was said as the largest thing, with its number.

import { h, said } from "./dom.js";

/** @import { Head, Line } from "./types" */

/** A line of pieces, those that are quoted each in its own writing direction. @param {Line} line */
export function pieces(line) {
  return line.map(([text, quoted]) => (quoted ? said(text) : text));
}

/** What was said, and its number. @param {Omit<Head, "below">} head */
export function decided(head) {
  return [
    h("strong", {}, pieces(head.said)),
    " ",
    h("span", { class: `ql-sure ql-t-${head.tone || "ink"}` }, head.number),
  ];
}

/** The question on the left; on the right what was said, and what its number is. @param {Omit<Head, "below">} head */
export function headline(head) {
  return h(
    "header",
    { class: "ql-head" },
    said(head.asked, { class: "ql-question", role: "heading", "aria-level": 3 }),
    " ",
    h(
      "div",
      { class: "ql-verdict" },
      decided(head),
      head.notes.map(note => [" ", h("small", {}, pieces(note))]),
    ),
  );
}

/** What else has to be known at once: why there is no answer. @param {Head} head */
export function below(head) {
  return head.below.map(line => h("p", { class: "ql-note" }, pieces(line)));
}
