// @ts-check
// A text as token ids with the characters of each token: WordPiece and byte-level BPE, from tables that Python wrote.

/**
 * @typedef {{ids: number[], starts: number[], ends: number[]}} Encoding  Character offsets count code points.
 * @typedef {{type: "wordpiece", vocabulary: string[], prefix: string, unknown: number, longest: number,
 *   changed: [number, string][], splitHangul: boolean, blank: [number, number][], sign: [number, number][], reserved: number[]}} WordPieceTables
 * @typedef {{type: "bpe", vocabulary: string[], merges: [number, number][], bytes: string[],
 *   prefixSpace: boolean, trim: boolean, reserved: number[], unknown: number | null}} BpeTables
 * @typedef {{id: number, start: number, end: number}} PlacedSymbol
 */

/** @param {WordPieceTables | BpeTables} tables @returns {(text: string) => Encoding} */
export function tokenizer(tables) {
  const encode = tables.type === "wordpiece" ? wordPiece(tables) : bytePairs(tables);
  const reserved = new Set(tables.reserved);
  return text => {
    const found = encode(text);
    // A special token's own id never stands for something typed.
    if (tables.unknown !== null)
      found.ids = found.ids.map(id => (reserved.has(id) ? /** @type {number} */ (tables.unknown) : id));
    return found;
  };
}

/** @param {Encoding} found @param {number} id @param {number} start @param {number} end */
function add(found, id, start, end) {
  found.ids.push(id);
  found.starts.push(start);
  found.ends.push(end);
}

/** @param {[number, number][]} ranges @returns {(code: number) => boolean} */
function within(ranges) {
  return code => {
    let low = 0,
      high = ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (code < ranges[middle][0]) high = middle - 1;
      else if (code > ranges[middle][1]) low = middle + 1;
      else return true;
    }
    return false;
  };
}

/** @param {WordPieceTables} tables @returns {(text: string) => Encoding} */
function wordPiece(tables) {
  const ids = new Map(tables.vocabulary.map((piece, id) => [piece, id]));
  const lettersOf = lettersBy(tables),
    wordsOf = wordsBy(tables);

  return text => {
    /** @type {Encoding} */
    const found = { ids: [], starts: [], ends: [] };
    const { characters, places } = normalised(text, lettersOf);
    for (const [first, last] of wordsOf(characters)) {
      const pieces = last - first > tables.longest ? null : greedy(characters.slice(first, last), ids, tables.prefix);
      for (const [id, a, b] of pieces ?? [[tables.unknown, 0, last - first]]) {
        add(found, id, places[first + a], places[first + b - 1] + 1);
      }
    }
    return found;
  };
}

/** Where words begin and end: blanks part them, and a sign is one of its own. @param {WordPieceTables} tables */
function wordsBy({ blank, sign }) {
  const isBlank = within(blank),
    isSign = within(sign);
  return (/** @type {string[]} */ characters) => {
    /** @type {[number, number][]} */
    const words = [];
    let from = 0;
    for (const [k, character] of characters.entries()) {
      const code = /** @type {number} */ (character.codePointAt(0)),
        signed = isSign(code);
      if (!signed && !isBlank(code)) continue;
      words.push([from, k]);
      if (signed) words.push([k, k + 1]);
      from = k + 1;
    }
    words.push([from, characters.length]);
    return words.filter(([first, last]) => first < last);
  };
}

/** What a character becomes before it is cut into pieces. @param {WordPieceTables} tables */
function lettersBy({ changed, splitHangul }) {
  const others = new Map(changed);
  return (/** @type {string} */ character) => {
    const code = /** @type {number} */ (character.codePointAt(0));
    return others.get(code) ?? (splitHangul ? hangul(code) : null) ?? character;
  };
}

/** A Hangul syllable in its letters, which the tables leave out; null for any other character. */
function hangul(/** @type {number} */ code) {
  return code >= 0xac00 && code <= 0xd7a3 ? String.fromCodePoint(code).normalize("NFD") : null;
}

/**
 * The normalised characters of a text, each with the character that it came from.
 *
 * @param {string} text @param {(character: string) => string} lettersOf
 */
function normalised(text, lettersOf) {
  const characters = [],
    places = [];
  let place = 0;
  for (const character of text) {
    for (const one of lettersOf(character)) {
      characters.push(one);
      places.push(place);
    }
    place++;
  }
  return { characters, places };
}

/**
 * The longest pieces first, each with where it begins and ends; null where a part of the word is in no vocabulary.
 *
 * @param {string[]} word @param {Map<string, number>} ids @param {string} prefix
 */
function greedy(word, ids, prefix) {
  /** @type {[number, number, number][]} */
  const pieces = [];
  let first = 0;
  while (first < word.length) {
    let last = word.length,
      id;
    for (; last > first; last--) {
      id = ids.get((first ? prefix : "") + word.slice(first, last).join(""));
      if (id !== undefined) break;
    }
    if (id === undefined) return null;
    pieces.push([id, first, last]);
    first = last;
  }
  return pieces;
}

// Pieces before the merges: as GPT-2 cuts, with the blanks of Unicode.
const PIECES =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const UTF8 = new TextEncoder();

/** @param {BpeTables} tables @returns {(text: string) => Encoding} */
function bytePairs(tables) {
  const symbolsOf = symbolsBy(tables);
  return text => {
    /** @type {Encoding} */
    const found = { ids: [], starts: [], ends: [] };
    const added = tables.prefixSpace && text !== "" && !text.startsWith(" ") ? 1 : 0;
    let place = -added;
    for (const [piece] of (added ? ` ${text}` : text).matchAll(PIECES)) {
      for (const { id, start, end } of symbolsOf(piece, place)) add(found, id, Math.max(0, start), Math.max(0, end));
      place += Array.from(piece).length;
    }
    return found;
  };
}

/** The symbols of a piece whose first character has this place. @param {BpeTables} tables */
function symbolsBy(tables) {
  const ids = new Map(tables.vocabulary.map((piece, id) => [piece, id]));
  const letters = tables.bytes.map(letter => /** @type {number} */ (ids.get(letter)));
  const merges = mergesOf(tables, ids),
    trim = trimmer(tables);
  return (/** @type {string} */ piece, /** @type {number} */ place) => {
    const symbols = symbolsIn(piece, place, letters);
    merge(symbols, merges);
    return tables.trim ? symbols.map(trim) : symbols;
  };
}

/**
 * The bytes of a piece as symbols, each with its character.
 *
 * @param {string} piece @param {number} place of its first character @param {number[]} letters
 */
function symbolsIn(piece, place, letters) {
  /** @type {PlacedSymbol[]} */
  const symbols = [];
  for (const [k, character] of Array.from(piece).entries()) {
    for (const byte of UTF8.encode(character))
      symbols.push({ id: letters[byte], start: place + k, end: place + k + 1 });
  }
  return symbols;
}

/**
 * What each pair of symbols becomes, and which pair comes first.
 *
 * @param {BpeTables} tables @param {Map<string, number>} ids
 */
function mergesOf({ merges, vocabulary }, ids) {
  return new Map(
    merges.map(([a, b], rank) => [
      pairKey(a, b),
      { rank, id: /** @type {number} */ (ids.get(vocabulary[a] + vocabulary[b])) },
    ]),
  );
}

/** @param {number} a @param {number} b */
function pairKey(a, b) {
  return a * 0x1000000 + b;
}

/**
 * Merge the pair of lowest rank until none is left, in place.
 *
 * @param {PlacedSymbol[]} symbols @param {ReturnType<typeof mergesOf>} merges
 */
function merge(symbols, merges) {
  for (;;) {
    let at = -1,
      best = null;
    for (let k = 0; k + 1 < symbols.length; k++) {
      const found = merges.get(pairKey(symbols[k].id, symbols[k + 1].id));
      if (found !== undefined && (best === null || found.rank < best.rank)) [at, best] = [k, found];
    }
    if (best === null) return;
    symbols.splice(at, 2, { id: best.id, start: symbols[at].start, end: symbols[at + 1].end });
  }
}

/**
 * A token without the spaces at its edges, as the tokenizers library counts them.
 *
 * @param {BpeTables} tables
 */
function trimmer({ vocabulary, bytes, prefixSpace }) {
  const space = new RegExp(`^${bytes[32]}+`, "u"),
    spaceBehind = new RegExp(`${bytes[32]}+$`, "u");
  return (/** @type {PlacedSymbol} */ { id, start, end }) => {
    const piece = vocabulary[id],
      spaces = space.exec(piece),
      behind = spaceBehind.exec(piece);
    const before = prefixSpace && start <= 0 ? 0 : spaces === null ? 0 : spaces[0].length;
    const from = Math.min(start + before, end);
    return { id, start: from, end: behind === null ? end : Math.max(end - behind[0].length, from) };
  };
}
