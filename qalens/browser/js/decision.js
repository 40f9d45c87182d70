// @ts-check
// The decision at a threshold: the same words as in Python.

import { fmt, MINUS } from "../../widgets/js/numbers.js";

/** @typedef {{best: {text: string, p: number, score: number} | null, margin: number, nullScore: number}} Facts */

/** The best span, or null where its margin lies above the threshold. */
export function answerAt(/** @type {Facts} */ { best, margin }, /** @type {number} */ threshold) {
  return margin <= threshold ? best : null;
}

/** How the null margin came about, and which threshold would change the decision. */
export function decisionSentence(/** @type {Facts} */ facts, /** @type {number} */ threshold) {
  const { best, margin, nullScore } = facts;
  if (best === null) return "The text holds no token that could be an answer, so no threshold changes the decision.";
  const subtrahend = best.score < 0 ? `(${fmt.logit(best.score)})` : fmt.logit(best.score);
  const found = fmt.logit(margin),
    at = fmt.logit(threshold);
  const made = `Null margin = null score ${MINUS} best span = ${fmt.logit(nullScore)} ${MINUS} ${subtrahend} = ${found} logits`;
  return answerAt(facts, threshold) === null
    ? `${made}, above the threshold ${at}: it abstains. From ${found} on it would answer.`
    : `${made}, not above the threshold ${at}: it answers. Below ${found} it would abstain.`;
}
