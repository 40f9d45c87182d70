// @ts-check
// The hands of a view: its model, its theme, its parts, and everything that is let go when its drawing ends.

import { append, h, set } from "./dom.js";
import { Kernel } from "./kernel.js";
import { clamp, fmt } from "./numbers.js";
import { COLOURS, isDark } from "./pictures/canvas.js";

/** @import { ButtonOptions, Canvas, Child, Colours, Heard, Listening, Model, Paint } from "./types" */
/** @import { Roving, SliderOptions, Stretch } from "./types" */

/** The hands of a view: its model, its root, and everything that is let go when the drawing ends. */
export class Ui {
  /** @param {Model} model @param {HTMLElement} root @param {AbortSignal} signal */
  constructor(model, root, signal) {
    this.model = model;
    this.root = root;
    this.signal = signal;
    this.live = h("output", { class: "ql-aloud", "aria-live": "polite" });
    this.reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
    /** @type {Colours} */
    this.colours = {};
    /** @type {(() => void)[]} */
    this._themed = [];
    root.append(this.live);
    this.kernel = new Kernel(this);
    this._readTheme();
    this._watchTheme();
  }

  // traits
  /** @param {string} name @returns {any} */
  get(name) {
    return this.model.get(name);
  }
  /** Set a trait here and in Python. @param {string} name @param {unknown} value */
  set(name, value) {
    this.model.set(name, value);
    this.save();
  }
  /** Send to Python what was set here. */
  save() {
    this.model.save_changes();
    this.kernel.asked();
  }
  /**
   * Call when a trait changes, from here or from Python; or when a message comes, named as the model names it.
   *
   * @param {string} name @param {(...what: any[]) => void} change
   */
  on(name, change) {
    const event = name.includes(":") ? name : `change:${name}`;
    this.model.on(event, change);
    this.done(() => this.model.off(event, change));
  }
  /** A message to Python (`on_msg`); in a page without a kernel it goes nowhere. @param {{ do: string }} content */
  send(content) {
    this.model.send(content);
    this.kernel.asked();
  }
  /** The characters that are selected, or null. @returns {Stretch | null} */
  get selection() {
    /** @type {Stretch | null} */
    const range = this.get("selected");
    return Array.isArray(range) ? range : null;
  }
  get still() {
    return this.model.still === true;
  }
  /** @param {string} name */
  floats(name) {
    return new Float32Array(this._bytes(name));
  }
  /** @param {string} name */
  ints(name) {
    return new Int32Array(this._bytes(name));
  }
  /** @param {string} name @returns {ArrayBuffer} */
  _bytes(name) {
    const value = this.get(name);
    if (value instanceof ArrayBuffer) return value.slice(0);
    return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
  }

  // life
  /** @param {() => void} release */
  done(release) {
    this.signal.addEventListener("abort", release, { once: true });
  }
  /**
   * @template {keyof Heard} Type @param {Listening} target @param {Type} type
   * @param {(event: Heard[Type]) => unknown} handler
   */
  listen(target, type, handler, options = {}) {
    target.addEventListener(type, handler, { ...options, signal: this.signal });
  }
  /** Keys that are typed into an element belong to it alone. @param {HTMLElement} el */
  keepKeys(el) {
    this.listen(el, "keydown", event => event.stopPropagation());
  }
  /** A function that runs `work` once before the next repaint, however often it is called. @param {() => void} work */
  frame(work) {
    let waiting = 0;
    this.done(() => cancelAnimationFrame(waiting));
    return () => {
      if (waiting) return;
      waiting = requestAnimationFrame(() => {
        waiting = 0;
        work();
      });
    };
  }
  /**
   * A function that runs `work` when it was not called again for some milliseconds.
   *
   * @template {unknown[]} Values @param {(...values: Values) => void} work @param {number} milliseconds
   */
  later(work, milliseconds) {
    let waiting = 0;
    this.done(() => clearTimeout(waiting));
    /** @param {Values} values */
    return (...values) => {
      clearTimeout(waiting);
      waiting = window.setTimeout(() => work(...values), milliseconds);
    };
  }
  /** Say something to those who listen; nothing is seen. @param {string} text */
  say(text) {
    this.live.textContent = text;
  }

  // theme
  _readTheme() {
    this.dark = isDark(this.root);
    this.root.dataset.qlTheme = this.dark ? "dark" : "light";
    const probe = h("span", { hidden: true });
    this.root.append(probe);
    this.colours = {};
    for (const name of COLOURS) {
      probe.style.color = `var(--ql-${name})`;
      this.colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  }
  _watchTheme() {
    const look = this.frame(() => {
      this._readTheme();
      this._themed.forEach(paint => paint());
    });
    const observer = new MutationObserver(look);
    const attributes = ["class", "data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind", "style"];
    for (const host of [document.body, document.documentElement]) {
      observer.observe(host, { attributes: true, attributeFilter: attributes });
    }
    this.done(() => observer.disconnect());
    this.listen(matchMedia("(prefers-color-scheme: dark)"), "change", look);
    if (!this.root.isConnected) this._whenLaidIn(look);
  }
  /**
   * Voila draws into an element that it lays in its page later, and before that no colour is known.
   *
   * @param {() => void} look
   */
  _whenLaidIn(look) {
    const laid = new ResizeObserver(() => {
      // The first call comes at once, with no size.
      if (!this.root.isConnected) return;
      laid.disconnect();
      look();
    });
    laid.observe(this.root);
    this.done(() => laid.disconnect());
  }
  /** Call when the theme changes. @param {() => void} paint */
  onTheme(paint) {
    this._themed.push(paint);
  }

  // parts
  /**
   * @param {Child} label @param {(event: MouseEvent, el: HTMLButtonElement) => unknown} press
   * @param {ButtonOptions} [options]
   */
  button(label, press, { pressed, name, small, disabled } = {}) {
    const el = h(
      "button",
      {
        type: "button",
        class: `ql-button${small ? " ql-small" : ""}`,
        "aria-label": name,
        disabled,
        "aria-pressed": pressed?.toString(),
      },
      label,
    );
    this.listen(el, "click", event => press(event, el));
    this.keepKeys(el);
    return el;
  }

  /**
   * One of several choices as buttons side by side. `options`: [[value, label], …].
   *
   * @template Value
   * @param {{ label: string, options: [Value, string][], value: Value, change: (value: Value) => void }} made
   */
  choice({ label, options, value, change }) {
    const el = h("div", { class: "ql-choice", role: "radiogroup", "aria-label": label });
    const buttons = options.map(([, text]) => h("span", { role: "radio", tabindex: -1 }, text));
    /** @param {Value} chosen */
    const show = chosen => {
      const at = options.findIndex(([one]) => one === chosen);
      buttons.forEach((button, k) => set(button, { "aria-checked": k === at }));
      tabStop(buttons, at);
    };
    /** @param {number} k */
    const choose = k => {
      show(options[k][0]);
      change(options[k][0]);
    };
    buttons.forEach((button, k) => this.listen(button, "click", () => choose(k)));
    this.rove(el, () => buttons, { horizontal: true, move: choose, press: choose });
    append(el, buttons);
    show(value);
    return { el, set: show };
  }

  /**
   * Arrow keys, Home and End among items of which one has the tab stop; Enter and the blank press.
   *
   * @param {HTMLElement} el
   * @param {() => HTMLElement[]} items
   * @param {Roving} does
   */
  rove(el, items, { horizontal = false, move = () => {}, press = () => {} } = {}) {
    this.listen(el, "keydown", event => {
      const all = items();
      /** @type {(EventTarget | null)[]} */
      const targets = all;
      const at = targets.indexOf(event.target);
      if (at < 0 || isChord(event)) return;
      keepKey(event);
      const by = stepOf(event.key, horizontal && readingStep(el));
      if (by !== undefined) {
        const to = clamp(at + by, 0, all.length - 1);
        tabStop(all, to);
        all[to].focus();
        move(to);
      } else if (event.key === "Enter" || event.key === " ") press(at);
      else return;
      event.preventDefault();
    });
  }

  /**
   * A slider with a track that may be painted. `text(value)` says a value aloud; `input(value)` follows every move.
   * `share()` is the part of the track that the thumb covers, for a thumb that frames a stretch.
   *
   * @param {SliderOptions} options
   */
  slider(options) {
    return new Slider(this, options);
  }

  /**
   * A canvas as wide as its place and `height` pixels high; `paint(context, width, height, colours)` draws it.
   *
   * @param {{ label: string, height: number, paint: Paint }} options @returns {Canvas}
   */
  canvas(options) {
    return new Drawn(this, options);
  }

  /**
   * Call `drag` for a press on an element and for every move until it is let go; the press focuses a part of it.
   *
   * @param {HTMLElement} el @param {HTMLElement} focused @param {(event: PointerEvent) => void} drag
   */
  whileHeld(el, focused, drag) {
    this.listen(el, "pointerdown", event => {
      if (event.button !== 0) return;
      event.preventDefault();
      el.setPointerCapture(event.pointerId);
      focused.focus();
      drag(event);
    });
    this.listen(el, "pointermove", event => {
      if (el.hasPointerCapture(event.pointerId)) drag(event);
    });
  }
}

// --- keys -------------------------------------------------------------------------------------------------------------

/** With these a key is a command of the host. @param {KeyboardEvent} event */
function isChord(event) {
  return event.ctrlKey || event.metaKey || event.altKey;
}

/** A key goes no further, but for those that leave an element. @param {KeyboardEvent} event */
function keepKey(event) {
  if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
}

/** One of several items is reached by Tab, the others by the arrows. @param {HTMLElement[]} items @param {number} at */
export function tabStop(items, at) {
  items.forEach((item, k) => {
    item.tabIndex = k === at ? 0 : -1;
  });
}

/** By how much an arrow to the right goes on among items. @param {Element} el that holds them */
function readingStep(el) {
  return getComputedStyle(el).direction === "rtl" ? -1 : 1;
}

/**
 * By how much a key goes on among items; undefined for any other key.
 *
 * @param {string} key @param {number | false} onward by how much an arrow to the right does
 */
function stepOf(key, onward) {
  /** @type {Record<string, number | undefined>} */
  const sideways = onward ? { ArrowRight: onward, ArrowLeft: -onward } : {};
  return { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity, ...sideways }[key];
}

// --- sliders ----------------------------------------------------------------------------------------------------------

/** A slider as `Ui.slider` describes it. */
class Slider {
  /** @param {Ui} ui @param {SliderOptions} options */
  constructor(ui, options) {
    this._options = {
      page: 10 * options.step,
      text: fmt.logit,
      share: () => 0,
      ...options,
    };
    this.track = h("span", { class: "ql-track" });
    this.thumb = thumbOf(options.label);
    this.el = h("div", { class: "ql-slider", dir: "ltr" }, this.track, this.thumb);
    this.value = options.value;
    ui.whileHeld(this.el, this.thumb, event => this._drag(event));
    ui.listen(this.thumb, "keydown", event => this._key(event));
    this.set(this.value);
  }
  /** Move the thumb; `input` is not told. @param {number} value */
  set(value) {
    const { min, max, text } = this._options;
    this.value = clamp(value, min, max);
    placeThumb(this.thumb, { now: this.value, min, max, text: text(this.value) });
  }
  /** Give the track other ends. @param {number} min @param {number} max */
  limit(min, max) {
    Object.assign(this._options, { min, max });
    this.set(this.value);
  }
  /** @param {number} value */
  _take(value) {
    const { min, step, input } = this._options;
    this.set(min + Math.round((value - min) / step) * step);
    input(this.value);
  }
  /** @param {PointerEvent} event */
  _drag(event) {
    const { min, max, share } = this._options,
      box = this.track.getBoundingClientRect(),
      covered = box.width * share();
    this._take(min + ((max - min) * (event.clientX - box.left - covered / 2)) / Math.max(1, box.width - covered));
  }
  /** @param {KeyboardEvent} event */
  _key(event) {
    if (isChord(event)) return;
    keepKey(event);
    const to = keyedValue(event.key, { ...this._options, now: this.value });
    if (to === undefined) return;
    event.preventDefault();
    this._take(to);
  }
}

/** @param {string} label */
function thumbOf(label) {
  return h("span", {
    class: "ql-thumb",
    role: "slider",
    tabindex: 0,
    "aria-label": label,
    "aria-orientation": "horizontal",
  });
}

/**
 * Put the thumb of a slider at its value, for eyes and for those who listen.
 *
 * @param {HTMLElement} thumb @param {{ now: number, min: number, max: number, text: string }} value
 */
function placeThumb(thumb, { now, min, max, text }) {
  thumb.style.setProperty("--at", String(max > min ? (now - min) / (max - min) : 0));
  const said = Number(now.toFixed(6));
  set(thumb, { "aria-valuemin": min, "aria-valuemax": max, "aria-valuenow": said, "aria-valuetext": text });
}

/**
 * The value that a key moves a slider to; undefined for any other key.
 *
 * @param {string} key @param {{ now: number, min: number, max: number, step: number, page: number }} slider
 */
function keyedValue(key, { now, min, max, step, page }) {
  return {
    ArrowRight: now + step,
    ArrowUp: now + step,
    ArrowLeft: now - step,
    ArrowDown: now - step,
    PageUp: now + page,
    PageDown: now - page,
    Home: min,
    End: max,
  }[key];
}

// --- canvases ---------------------------------------------------------------------------------------------------------

/** A canvas that is drawn anew with every size of its place and every theme. */
class Drawn {
  /** @param {Ui} ui @param {{ label: string, height: number, paint: Paint }} options */
  constructor(ui, { label, height, paint }) {
    this.el = h("canvas", { class: "ql-canvas", role: "img", "aria-label": label });
    this.width = 0;
    this._height = height;
    this._font = "";
    this.draw = ui.frame(() => this._paint(paint, ui.colours));
    this.resize(height);
    const observer = new ResizeObserver(() => this._fit());
    observer.observe(this.el);
    ui.done(() => observer.disconnect());
    ui.onTheme(this.draw);
  }
  /** @param {number} height in pixels */
  resize(height) {
    this._height = height;
    this.el.style.height = `${height}px`;
    this.draw();
  }
  _fit() {
    this.width = this.el.clientWidth;
    this._font = getComputedStyle(this.el).font;
    this.draw();
  }
  /** @param {Paint} paint @param {Colours} colours */
  _paint(paint, colours) {
    const { el, width, _height: high } = this;
    const context = width === 0 ? null : el.getContext("2d");
    if (context === null) return;
    const sharp = window.devicePixelRatio || 1;
    const [w, t] = [Math.round(width * sharp), Math.round(high * sharp)];
    if (el.width !== w || el.height !== t) [el.width, el.height] = [w, t];
    context.setTransform(sharp, 0, 0, sharp, 0, 0);
    context.clearRect(0, 0, width, high);
    context.font = this._font;
    paint(context, width, high, colours);
  }
}

/**
 * Where a pointer is in an element, in pixels from its upper left corner.
 *
 * @param {MouseEvent} event @param {Element} element @returns {[number, number]}
 */
export function pointer(event, element) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
