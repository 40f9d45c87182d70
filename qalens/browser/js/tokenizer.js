// @ts-check
// A text as token ids with the characters of each token: WordPiece and byte-level BPE, from tables that Python wrote.

/**
 * @typedef {{ids: number[], starts: number[], ends: number[]}} Encoding  Character offsets count code points.
 * @typedef {{type: "wordpiece", vocabulary: string[], prefix: string, unknown: number, longest: number,
 *   changed: [number, string][], splitHangul: boolean, blank: [number, number][], sign: [number, number][], reserved: number[]}} WordPieceTables
 * @typedef {{type: "bpe", vocabulary: string[], merges: [number, number][], bytes: string[],
 *   prefixSpace: boolean, trim: boolean, reserved: number[], unknown: number | null}} BpeTables
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
  const changed = new Map(tables.changed);
  const isBlank = within(tables.blank),
    isSign = within(tables.sign);

  /** The normalised characters of a text, each with the character that it came from. */
  const normalised = (/** @type {string} */ text) => {
    const characters = [],
      places = [];
    let place = 0;
    for (const character of text) {
      const code = /** @type {number} */ (character.codePointAt(0));
      for (const one of changed.get(code) ?? (tables.splitHangul ? hangul(code) : null) ?? character) {
        characters.push(one);
        places.push(place);
      }
      place++;
    }
    return { characters, places };
  };

  return text => {
    /** @type {Encoding} */
    const found = { ids: [], starts: [], ends: [] };
    const { characters, places } = normalised(text);
    const word = (/** @type {number} */ first, /** @type {number} */ last) => {
      if (first === last) return;
      const pieces = last - first > tables.longest ? null : greedy(characters.slice(first, last));
      for (const [id, a, b] of pieces ?? [[tables.unknown, 0, last - first]]) {
        found.ids.push(id);
        found.starts.push(places[first + a]);
        found.ends.push(places[first + b - 1] + 1);
      }
    };
    let from = 0;
    characters.forEach((character, k) => {
      const code = /** @type {number} */ (character.codePointAt(0));
      const blank = isBlank(code),
        sign = isSign(code);
      if (!blank && !sign) return;
      word(from, k);
      if (sign) word(k, k + 1);
      from = k + 1;
    });
    word(from, characters.length);
    return found;
  };

  /** The longest pieces first; null where a part of the word is in no vocabulary. */
  function greedy(/** @type {string[]} */ word) {
    /** @type {[number, number, number][]} */
    const pieces = [];
    let first = 0;
    while (first < word.length) {
      let last = word.length,
        id;
      for (; last > first; last--) {
        id = ids.get((first ? tables.prefix : "") + word.slice(first, last).join(""));
        if (id !== undefined) break;
      }
      if (id === undefined) return null;
      pieces.push([id, first, last]);
      first = last;
    }
    return pieces;
  }
}

/** A Hangul syllable in its letters, which the tables leave out; null for any other character. */
function hangul(/** @type {number} */ code) {
  return code >= 0xac00 && code <= 0xd7a3 ? String.fromCodePoint(code).normalize("NFD") : null;
}

// Pieces before the merges: as GPT-2 cuts, with the blanks of Unicode.
const PIECES =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** @param {BpeTables} tables @returns {(text: string) => Encoding} */
function bytePairs(tables) {
  const ids = new Map(tables.vocabulary.map((piece, id) => [piece, id]));
  const rank = new Map(tables.merges.map(([a, b], k) => [a * 0x1000000 + b, k]));
  const merged = new Map(
    tables.merges.map(([a, b]) => [a * 0x1000000 + b, ids.get(tables.vocabulary[a] + tables.vocabulary[b])]),
  );
  const space = new RegExp(`^${tables.bytes[32]}+`, "u"),
    spaceBehind = new RegExp(`${tables.bytes[32]}+$`, "u");
  const letters = tables.bytes.map(letter => /** @type {number} */ (ids.get(letter)));
  const utf8 = new TextEncoder();

  return text => {
    /** @type {Encoding} */
    const found = { ids: [], starts: [], ends: [] };
    const added = tables.prefixSpace && text !== "" && !text.startsWith(" ") ? 1 : 0;
    const given = added ? ` ${text}` : text;
    let place = -added;
    for (const [piece] of given.matchAll(PIECES)) {
      /** @type {number[]} */
      const symbols = [],
        /** @type {number[]} */
        first = [],
        /** @type {number[]} */
        last = [];
      for (const character of piece) {
        for (const byte of utf8.encode(character)) {
          symbols.push(letters[byte]);
          first.push(place);
          last.push(place + 1);
        }
        place++;
      }
      merge(symbols, first, last);
      symbols.forEach((id, k) => {
        const [a, b] = tables.trim ? trimmed(id, first[k], last[k]) : [first[k], last[k]];
        found.ids.push(id);
        found.starts.push(Math.max(0, a));
        found.ends.push(Math.max(0, b));
      });
    }
    return found;
  };

  /** Merge the pair of lowest rank until none is left, in place. */
  function merge(/** @type {number[]} */ symbols, /** @type {number[]} */ first, /** @type {number[]} */ last) {
    for (;;) {
      let best = -1,
        least = Infinity;
      for (let k = 0; k + 1 < symbols.length; k++) {
        const order = rank.get(symbols[k] * 0x1000000 + symbols[k + 1]);
        if (order !== undefined && order < least) [best, least] = [k, order];
      }
      if (best < 0) return;
      symbols[best] = /** @type {number} */ (merged.get(symbols[best] * 0x1000000 + symbols[best + 1]));
      last[best] = last[best + 1];
      symbols.splice(best + 1, 1);
      first.splice(best + 1, 1);
      last.splice(best + 1, 1);
    }
  }

  /** The characters of a token without the spaces at its edges, as the tokenizers library counts them. */
  function trimmed(/** @type {number} */ id, /** @type {number} */ start, /** @type {number} */ end) {
    const piece = tables.vocabulary[id],
      spaces = space.exec(piece),
      behind = spaceBehind.exec(piece);
    const before = tables.prefixSpace && start <= 0 ? 0 : spaces === null ? 0 : spaces[0].length;
    const from = Math.min(start + before, end);
    return [from, behind === null ? end : Math.max(end - behind[0].length, from)];
  }
}
