// @ts-check
// Numbers as people read them.

// What an abstention is called wherever people read it; in data it is null.
export const NO_ANSWER = "no answer";
export const MINUS = "\u2212";
export const fmt = {
  /** 0.978; never rounded to a 0 or 1 that it is not. @param {number | null} p */
  probability(p) {
    if (p === null || Number.isNaN(p)) return "–";
    if (p < 0.0005) return "<0.001";
    if (p < 0.9995) return p.toFixed(3);
    return p >= 1 ? "1" : ">0.999";
  },
  /** 97.8% @param {number | null} p */
  percent(p) {
    if (p === null || Number.isNaN(p)) return "–";
    if (p < 0.0005) return "<0.1%";
    if (p < 0.9995) return `${(100 * p).toFixed(1)}%`;
    return p >= 1 ? "100%" : ">99.9%";
  },
  /** −7.23 @param {number | null} x */
  logit(x, digits = 2) {
    if (x === null || Number.isNaN(x)) return "–";
    const size = Number.isFinite(x) ? Math.abs(x).toFixed(digits) : "∞";
    return `${x < 0 && /[1-9∞]/.test(size) ? MINUS : ""}${size}`;
  },
  /** +1.23 @param {number} x */
  signed(x, digits = 2) {
    const text = fmt.logit(x, digits);
    return x > 0 && /[1-9∞]/.test(text) ? `+${text}` : text;
  },
  /** 5,120 tokens @param {number} n @param {string} what */
  count(n, what, many = `${what}s`) {
    return `${fmt.whole(n)} ${n === 1 ? what : many}`;
  },
  /** @param {number} n */
  whole(n) {
    return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
  },
};

/** @param {number} x @param {number} low @param {number} high */
export function clamp(x, low, high) {
  return Math.min(high, Math.max(low, x));
}

/** About `most` round numbers from `low` to `high`. @param {number} low @param {number} high */
export function ticks(low, high, most = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find(m => m * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(low / step - 1e-9),
    last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
}

/** The end of a scale that holds this change. @param {number} most */
export function scaleFor(most) {
  return [0.02, 0.05, 0.1, 0.2, 0.5, 1].find(end => most <= end) ?? 1;
}
