// @ts-check
// The whole of a long text as a strip, and the part of it that is drawn large.

import { h } from "../dom.js";
import { clamp, fmt } from "../numbers.js";
import { logShare, mix } from "./canvas.js";

/** @import { Colours, Context, Paint } from "../types" */
/** @import { Ui } from "../ui.js" */

/** @typedef {{ from: number, to: number }} Shown  The places of the text that are drawn large. */

/** A slider over a picture of the whole text: its thumb frames what is shown. */
export class TextFrame {
  /**
   * `moved` hears of every other part; where the thumb was moved, of the middle of that part.
   *
   * @param {Ui} ui
   * @param {{ shown: Shown, unit: string, page: number, length: () => number, paint: Paint,
   *   moved: (middle?: number) => void }} options
   */
  constructor(ui, { shown, unit, page, length, paint, moved }) {
    this.shown = shown;
    this.length = length;
    this.moved = moved;
    this.picture = ui.canvas({ label: "", height: 26, paint });
    this.picture.el.setAttribute("aria-hidden", "true");
    this.slider = this._slider(ui, unit, page);
    this.slider.track.append(this.picture.el);
    this.heading = h("div", { class: "ql-h" });
    this.el = h("div", { class: "ql-whole" }, this.heading, this.slider.el);
  }
  draw() {
    this.picture.draw();
  }
  get size() {
    return this.shown.to - this.shown.from;
  }
  /** @param {Ui} ui @param {string} unit @param {number} page */
  _slider(ui, unit, page) {
    const slider = ui.slider({
      label: "Part of the text that is drawn",
      min: 0,
      max: this.length() - this.size,
      step: 1,
      page,
      value: 0,
      share: () => this.size / Math.max(1, this.length()),
      text: from => `${unit} ${fmt.whole(from + 1)} to ${fmt.whole(from + this.size)} of ${fmt.whole(this.length())}`,
      input: from => {
        this.put(from);
        this.moved(this.shown.from + (this.size >> 1));
      },
    });
    slider.el.classList.add("ql-frame");
    return slider;
  }
  /** Show so many places from one on. @param {number} from */
  put(from, size = this.size) {
    const { shown } = this,
      n = this.length();
    shown.from = Math.round(clamp(from, 0, n - size));
    shown.to = shown.from + size;
    this.slider.thumb.style.setProperty("--wide", `${(100 * size) / Math.max(1, n)}%`);
  }
  /** Show more places, or fewer. @param {number} from @param {number} size */
  resize(from, size) {
    this.put(from, size);
    this.slider.limit(0, this.length() - size);
    this.slider.set(this.shown.from);
    this.moved();
  }
  /** Show the part around a place, if it is not seen. @param {number} place */
  include(place) {
    const { shown, size } = this;
    if (place < shown.from || place >= shown.to) this.put(place - size / 2);
    this.slider.set(shown.from);
    this.moved();
  }
}

/** How many cells of a strip are told apart on so many pixels. @param {number} width */
export function binsOn(width) {
  return Math.max(1, Math.floor(width / 3));
}

/**
 * Values from left to right, the larger the stronger, on a log scale.
 *
 * @param {Context} context @param {Float32Array} values
 * @param {{ y: number, width: number, high: number, hue: string, colours: Colours }} options
 */
export function paintBins(context, values, { y, width, high, hue, colours }) {
  const bins = values.length;
  values.forEach((x, bin) => {
    const depth = logShare(x, 3);
    if (depth < 0.04) return;
    context.fillStyle = mix(colours.field, hue, depth);
    context.fillRect((width * bin) / bins, y, width / bins, high);
  });
}
