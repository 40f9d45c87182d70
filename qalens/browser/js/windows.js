// @ts-check
// A question and a text as overlapping windows: the same ones as qalens cuts in Python.

/**
 * @typedef {import("./tokenizer.js").Encoding} Encoding
 * @typedef {{before: number[], between: number[], after: number[], beforeTypes: number[], betweenTypes: number[],
 *   afterTypes: number[], questionType: number, contextType: number, padId: number, padType: number, nullId: number}} Template
 * @typedef {{ids: number[], types: number[], first: number, count: number, from: number, nullIndex: number}} Window
 *   The tokens of one window without padding: its first token of the text, how many there are, and where they begin.
 */

/** @param {Template} template */
function specials(template) {
  return template.before.length + template.between.length + template.after.length;
}

/**
 * @param {Template} template @param {Encoding} asked @param {Encoding} text
 * @param {number} maxLength @param {number} stride @returns {Window[]}
 */
export function makeWindows(template, asked, text, maxLength, stride) {
  const shared = maxLength - specials(template);
  const question = questionLength(asked.ids.length, shared, stride);
  const room = shared - question;
  const total = text.ids.length;
  const head = headOf(template, asked.ids.slice(0, question));
  /** @type {Window[]} */
  const windows = [];
  const last = total > room ? Math.max(1, total - stride) : 1;
  for (let first = 0; first < last; first += room - stride) {
    const piece = text.ids.slice(first, first + room);
    const ids = [...head.ids, ...piece, ...template.after];
    const types = [...head.types, ...new Array(piece.length).fill(template.contextType), ...template.afterTypes];
    const nullIndex = nullPlace(template, ids, head.ids.length, piece.length);
    windows.push({ ids, types, first, count: piece.length, from: head.ids.length, nullIndex });
  }
  return windows;
}

/** The question with the special tokens around it, which every window begins with. */
function headOf(/** @type {Template} */ template, /** @type {number[]} */ question) {
  const { before, between, beforeTypes, betweenTypes, questionType } = template;
  return {
    ids: [...before, ...question, ...between],
    types: [...beforeTypes, ...question.map(() => questionType), ...betweenTypes],
  };
}

/** How many tokens of the question stay; at least half of a window is the text's. */
function questionLength(/** @type {number} */ tokens, /** @type {number} */ room, /** @type {number} */ stride) {
  const half = Math.floor(room / 2);
  const longest = Math.max(1, Math.min(room - half, room - stride - Math.max(1, Math.floor(half / 4))));
  return Math.min(tokens, longest);
}

/** The null token stands among the special tokens, before the text or behind it. */
function nullPlace(
  /** @type {Template} */ template,
  /** @type {number[]} */ ids,
  /** @type {number} */ head,
  /** @type {number} */ count,
) {
  const before = template.before.indexOf(template.nullId);
  if (before >= 0) return before;
  const between = template.between.indexOf(template.nullId);
  return between >= 0 ? head - template.between.length + between : ids.indexOf(template.nullId, head + count);
}
