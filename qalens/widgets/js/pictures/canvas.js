// @ts-check
// Colours of the theme, and axes of tokens on canvases.

import { clamp } from "../numbers.js";

/** @import { Colours, Context } from "../types" */

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

// --- token axes and their pictures ------------------------------------------------------------------------------------

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

/**
 * Bars from a line, up for `direction` −1 and down for 1: `values` of the tokens of an axis (an array, or a function of
 * the token); `high` is the length of `most`.
 *
 * @param {Context} context @param {TokenAxis} axis @param {ArrayLike<number> | ((token: number) => number)} values
 * @param {{ y: number, high: number, most: number, colour: string, direction?: number }} options
 */
export function paintBars(context, axis, values, { y, high, most, colour, direction = -1 }) {
  context.fillStyle = colour;
  const gap = axis.unit > 6 ? 1 : 0;
  for (let t = axis.from; t < axis.to; t++) {
    const length = (high * clamp(typeof values === "function" ? values(t) : values[t], 0, most)) / most;
    if (length < 0.15) continue;
    const size = Math.max(1, length);
    context.fillRect(axis.x(t) + gap / 2, direction < 0 ? y - size : y, Math.max(0.75, axis.unit - gap), size);
  }
}

/**
 * A band of cells: first token across, length in tokens down; `share(first, length)` is from 0 (blank) to 1.
 *
 * @param {Context} context @param {TokenAxis} axis
 * @param {{ y: number, rows: number, cell: number, share: (first: number, length: number) => number, colours: Colours,
 * hue?: string }} options
 */
export function paintBand(context, axis, { y, rows, cell, share, colours, hue = "answer" }) {
  const gap = axis.unit > 6 ? 1 : 0,
    below = cell > 4 ? 1 : 0;
  context.fillStyle = colours[hue];
  for (let t = axis.from; t < axis.to; t++) {
    for (let row = 0; row < rows; row++) {
      const depth = share(t, row + 1);
      if (depth < 0.04) continue;
      context.globalAlpha = depth;
      context.fillRect(axis.x(t) + gap / 2, y + row * cell, Math.max(0.75, axis.unit - gap), cell - below);
    }
  }
  context.globalAlpha = 1;
}
