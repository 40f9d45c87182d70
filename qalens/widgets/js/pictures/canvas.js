// @ts-check
// Colours of the theme, canvases above one another, and axes of tokens on them.

import { h } from "../dom.js";
import { clamp } from "../numbers.js";

/** @import { Attributes, Context, Paint } from "../types" */
/** @import { Ui } from "../ui.js" */

// --- colours ----------------------------------------------------------------------------------------------------------

/** Names of `display.style.PALETTE` that canvases paint with. */
export const COLOURS = ["ground", "ink", "soft", "rule", "field", "answer", "end", "pale", "none", "more", "less"];

/** Whether the host shows a dark theme: Jupyter, VS Code, marimo, Sphinx, else the browser. @param {Element} element */
export function isDark(element) {
  const jupyter = element.closest?.("[data-jp-theme-light]") ?? document.querySelector("[data-jp-theme-light]");
  if (jupyter !== null) return jupyter.getAttribute("data-jp-theme-light") === "false";
  for (const host of [document.body, document.documentElement]) {
    const kind = host.dataset.vscodeThemeKind ?? host.dataset.theme ?? host.getAttribute("theme") ?? host.className;
    if (/\b(?:vscode-)?(?:dark|high-contrast)\b(?!-light)/.test(kind)) return true;
    if (/\b(?:vscode-)?light\b/.test(kind)) return false;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** A colour between two others, as CSS. @param {string} low @param {string} high @param {number} share */
export function mix(low, high, share) {
  return `color-mix(in srgb, ${high} ${(100 * clamp(share, 0, 1)).toFixed(1)}%, ${low})`;
}

/** How deep a probability is on a log scale over four powers of ten: 0 for none, 1 for 1. @param {number} p */
export function logShare(p, decades = 4) {
  return p > 0 ? clamp(1 + Math.log10(p) / decades, 0, 1) : 0;
}

// --- canvases ---------------------------------------------------------------------------------------------------------

/**
 * A picture, and a canvas above it for what is pointed at, so that a move of the pointer paints only marks.
 *
 * @param {Ui} ui @param {{ label?: string, height: number, paint: Paint, mark: Paint }} options
 * @param {Attributes} attributes of the element that holds both
 */
export function layered(ui, { label = "", height, paint, mark }, attributes = { class: "ql-stack" }) {
  const main = ui.canvas({ label, height, paint }),
    over = ui.canvas({ label: "", height, paint: mark });
  over.el.setAttribute("aria-hidden", "true");
  over.el.classList.add("ql-over");
  const draw = () => {
    main.draw();
    over.draw();
  };
  return { el: h("div", attributes, main.el, over.el), main, over, draw };
}

/**
 * Text at the middle of its line.
 *
 * @param {Context} context @param {string} text @param {number} x @param {number} y @param {string} colour
 * @param {CanvasTextAlign} [align]
 */
export function write(context, text, x, y, colour, align = "left") {
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

/**
 * A straight line between two points.
 *
 * @param {Context} context @param {[number, number]} from @param {[number, number]} to
 * @param {{ colour: string, wide?: number, dash?: number[] }} options
 */
export function strokeLine(context, from, to, { colour, wide = 1, dash = [] }) {
  context.strokeStyle = colour;
  context.lineWidth = wide;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
  context.setLineDash([]);
  context.lineWidth = 1;
}

/** Text without controls of the writing direction, for canvases. @param {string} text */
export function isolated(text) {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

// --- token axes -------------------------------------------------------------------------------------------------------

/** The tokens from `from` to `to` across `width` pixels, from `left` on. */
export class TokenAxis {
  /**
   * @param {number} from @param {number} to @param {number} width @param {{ left?: number, widest?: number }} [options]
   */
  constructor(from, to, width, { left = 0, widest = 36 } = {}) {
    this.from = from;
    this.to = to;
    this.left = left;
    this.unit = Math.min(widest, (width - left) / Math.max(1, to - from));
  }
  get right() {
    return this.x(this.to);
  }
  /** The left edge of a token. @param {number} token */
  x(token) {
    return this.left + (token - this.from) * this.unit;
  }
  /** The token at a place, or -1. @param {number} x */
  at(x) {
    const token = this.from + Math.floor((x - this.left) / this.unit);
    return token >= this.from && token < this.to ? token : -1;
  }
}
