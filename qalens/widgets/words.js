// Where the characters of a text begin, for Python, for JavaScript and for readers.

/** A text whose places Python counts in code points and JavaScript in UTF-16 units. */
class Words {
  constructor(text) {
    this.text = text;
    this.map = null;
    if (/[\ud800-\udfff]/.test(text)) {
      const map = new Uint32Array(text.length + 1);
      let n = 0;
      for (let k = 0; k < text.length; k += text.codePointAt(k) > 0xffff ? 2 : 1) map[n++] = k;
      map[n] = text.length;
      this.map = map.subarray(0, n + 1);
    }
    // Below U+0300 every unit but a carriage return is a character on its own.
    this.plain = !/[\r\u0300-\uffff]/.test(text);
    this._edges = null;
  }
  get length() {
    return this.map === null ? this.text.length : this.map.length - 1;
  }
  /** The UTF-16 place of a code point. */
  unit(point) {
    const at = clamp(point, 0, this.length);
    return this.map === null ? at : this.map[at];
  }
  /** The code point that holds a UTF-16 place. */
  point(unit) {
    return this.map === null ? unit : lastAtMost(this.map, unit);
  }
  /** The characters from one code point to another. */
  slice(start, end) {
    return this.text.slice(this.unit(start), this.unit(end));
  }
  /** Whether a cut before this UTF-16 place leaves whole what readers see as one character. */
  whole(unit) {
    if (this.plain || unit <= 0 || unit >= this.text.length) return true;
    this._edges ??= graphemeEdges(this.text);
    return this._edges[unit] === 1;
  }
}

function graphemeEdges(text) {
  const edges = new Uint8Array(text.length + 1);
  edges[text.length] = 1;
  if (typeof Intl.Segmenter === "function") {
    for (const part of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)) edges[part.index] = 1;
    return edges;
  }
  // Without a segmenter: surrogate pairs, combining marks and what joins stay together.
  const cluster = /\r\n|\P{M}(?:\p{M}|\u200d\P{M}|[\u{1f3fb}-\u{1f3ff}])*|\p{M}+/gsu;
  for (const match of text.matchAll(cluster)) edges[match.index] = 1;
  return edges;
}

/** The last index of a sorted array whose value is at most `x`; -1 where none is. */
function lastAtMost(sorted, x) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
