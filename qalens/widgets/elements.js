// Elements that only ever hold text, and numbers as people read them.

// --- elements ---------------------------------------------------------------------------------------------------------

const SAFE_TAG = /^(?:div|span|p|h[1-6]|section|header|footer|figure|figcaption|button|input|textarea|select|option|label|output|ul|ol|li|dl|dt|dd|table|caption|thead|tbody|tfoot|tr|th|td|strong|em|b|i|small|bdi|mark|canvas|progress|details|summary|hr|br|kbd|sub|sup|a)$/;
const SAFE_ATTRIBUTE = /^(?:class|id|role|dir|lang|title|tabindex|type|width|height|hidden|open|disabled|checked|readonly|min|max|step|value|placeholder|colspan|rowspan|rows|cols|scope|spellcheck|autocomplete|for|name|download|aria-[a-z]+|data-[a-z-]+)$/;
const FOCUSABLE = /^(?:button|input|textarea|select|summary)$/;
// Jupyter's command-mode keys fire inside widgets; only this on the focusable element itself keeps them quiet.
const SUPPRESS = "data-lm-suppress-shortcuts";

/** An element with attributes and children; strings become text. */
function h(tag, attributes, ...children) {
  if (!SAFE_TAG.test(tag)) throw new Error(`no element of kind ${tag}`);
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (!SAFE_ATTRIBUTE.test(name)) throw new Error(`no attribute of name ${name}`);
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  if (FOCUSABLE.test(tag) || element.hasAttribute("tabindex")) element.setAttribute(SUPPRESS, "true");
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
}

/** Put other children into an element. */
function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

let ids = 0;
/** An id that no other element of the page has. */
function freshId() {
  ids += 1;
  return `ql-${ids}-${Math.random().toString(36).slice(2, 8)}`;
}

/** A text in its own direction, on its own. */
function said(text, attributes) {
  return h("bdi", { dir: "auto", lang: "", ...attributes }, text);
}

// --- numbers ----------------------------------------------------------------------------------------------------------

const MINUS = "\u2212";
const fmt = {
  /** 0.978; never rounded to a 0 or 1 that it is not. */
  probability(p) {
    if (p === null || Number.isNaN(p)) return "–";
    if (p < 0.0005) return "<0.001";
    if (p < 0.9995) return p.toFixed(3);
    return p >= 1 ? "1" : ">0.999";
  },
  /** 97.8% */
  percent(p) {
    if (p === null || Number.isNaN(p)) return "–";
    if (p < 0.0005) return "<0.1%";
    if (p < 0.9995) return `${(100 * p).toFixed(1)}%`;
    return p >= 1 ? "100%" : ">99.9%";
  },
  /** −7.23 */
  logit(x, digits = 2) {
    if (x === null || Number.isNaN(x)) return "–";
    const size = Number.isFinite(x) ? Math.abs(x).toFixed(digits) : "∞";
    return `${x < 0 && /[1-9∞]/.test(size) ? MINUS : ""}${size}`;
  },
  /** +1.23 */
  signed(x, digits = 2) {
    const text = fmt.logit(x, digits);
    return x > 0 && /[1-9∞]/.test(text) ? `+${text}` : text;
  },
  /** 5,120 tokens */
  count(n, what, many = `${what}s`) {
    return `${fmt.whole(n)} ${n === 1 ? what : many}`;
  },
  whole(n) {
    return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
  },
};

function clamp(x, low, high) {
  return Math.min(high, Math.max(low, x));
}

/** About `most` round numbers from `low` to `high`. */
function ticks(low, high, most = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(m => m * power >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
}
