// @ts-check
// The hands of a view: its model, its theme, its parts, and everything that is let go when its drawing ends.

import { append, h } from "./dom.js";
import { Kernel } from "./kernel.js";
import { clamp, fmt } from "./numbers.js";
import { COLOURS, isDark } from "./pictures/canvas.js";

/** @import { ButtonOptions, Canvas, Child, Colours, Heard, Listening, Model, Paint, Roving, SliderOptions } from "./types" */

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
    this.kernel = new Kernel(model, root, signal);
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
  /** Call when a trait changes, from here or from Python. @param {string} name @param {() => void} change */
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
  button(label, press, { pressed = null, name = null, small = false, disabled = false } = {}) {
    const el = h(
      "button",
      {
        type: "button",
        class: small ? "ql-button ql-small" : "ql-button",
        "aria-label": name,
        disabled,
        "aria-pressed": pressed === null ? null : String(pressed),
      },
      label,
    );
    this.listen(el, "click", event => press(event, el));
    this.listen(el, "keydown", event => event.stopPropagation());
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
    const show = chosen =>
      buttons.forEach((button, k) => {
        const on = options[k][0] === chosen;
        button.setAttribute("aria-checked", String(on));
        button.tabIndex = on ? 0 : -1;
      });
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
      if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const turned = horizontal && getComputedStyle(el).direction === "rtl" ? -1 : 1;
      const to = {
        ArrowDown: at + 1,
        ArrowUp: at - 1,
        Home: 0,
        End: all.length - 1,
        ...(horizontal ? { ArrowRight: at + turned, ArrowLeft: at - turned } : {}),
      }[event.key];
      if (to !== undefined) {
        const next = clamp(to, 0, all.length - 1);
        all.forEach((item, k) => {
          item.tabIndex = k === next ? 0 : -1;
        });
        all[next].focus();
        move(next);
      } else if (event.key === "Enter" || event.key === " ") press(at);
      else {
        if (!/^(?:Tab|Escape)$/.test(event.key)) event.stopPropagation();
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /**
   * A slider with a track that may be painted. `text(value)` says a value aloud; `input(value)` follows every move.
   * `share()` is the part of the track that the thumb covers, for a thumb that frames a stretch.
   *
   * @param {SliderOptions} options
   */
  slider({ label, min, max, step, page = 10 * step, value, text = v => fmt.logit(v), input, share = () => 0 }) {
    const { el, track, thumb } = sliderElements(label);
    let now = value;
    /** @param {number} v */
    const show = v => {
      now = clamp(v, min, max);
      placeThumb(thumb, { now, min, max, text: text(now) });
    };
    /** @param {number} v */
    const take = v => {
      show(min + Math.round((v - min) / step) * step);
      input(now);
    };
    /** @param {PointerEvent} event */
    const drag = event => {
      const box = track.getBoundingClientRect(),
        covered = box.width * share();
      take(min + ((max - min) * (event.clientX - box.left - covered / 2)) / Math.max(1, box.width - covered));
    };
    /** @param {number} low @param {number} high */
    const limit = (low, high) => {
      [min, max] = [low, high];
      show(now);
    };
    this._whileHeld(el, thumb, drag);
    this.listen(thumb, "keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const to = keyedValue(event.key, { now, min, max, step, page });
      if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
      if (to === undefined) return;
      event.preventDefault();
      take(to);
    });
    show(value);
    return {
      el,
      track,
      thumb,
      limit,
      set: show,
      get value() {
        return now;
      },
    };
  }

  /**
   * Call `drag` for a press on an element and for every move until it is let go; the press focuses a part of it.
   *
   * @param {HTMLElement} el @param {HTMLElement} focused @param {(event: PointerEvent) => void} drag
   */
  _whileHeld(el, focused, drag) {
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

  /**
   * A canvas as wide as its place and `height` pixels high; `paint(context, width, height, colours)` draws it.
   *
   * @param {{ label: string, height: number, paint: Paint }} options @returns {Canvas}
   */
  canvas({ label, height, paint }) {
    const el = h("canvas", { class: "ql-canvas", role: "img", "aria-label": label });
    let high = height,
      width = 0,
      font = "";
    el.style.height = `${high}px`;
    const draw = this.frame(() => {
      if (width === 0) return;
      const sharp = window.devicePixelRatio || 1;
      const [w, t] = [Math.round(width * sharp), Math.round(high * sharp)];
      const context = el.getContext("2d");
      if (context === null) return;
      if (el.width !== w || el.height !== t) [el.width, el.height] = [w, t];
      context.setTransform(sharp, 0, 0, sharp, 0, 0);
      context.clearRect(0, 0, width, high);
      context.font = font;
      paint(context, width, high, this.colours);
    });
    const observer = new ResizeObserver(() => {
      width = el.clientWidth;
      font = getComputedStyle(el).font;
      draw();
    });
    observer.observe(el);
    this.done(() => observer.disconnect());
    this.onTheme(draw);
    draw();
    return {
      el,
      draw,
      get width() {
        return width;
      },
      resize(pixels) {
        high = pixels;
        el.style.height = `${high}px`;
        draw();
      },
    };
  }
}

/** A slider's track and thumb. @param {string} label */
function sliderElements(label) {
  const thumb = h("span", {
    class: "ql-thumb",
    role: "slider",
    tabindex: 0,
    "aria-label": label,
    "aria-orientation": "horizontal",
  });
  const track = h("span", { class: "ql-track" });
  return { el: h("div", { class: "ql-slider", dir: "ltr" }, track, thumb), track, thumb };
}

/**
 * Put the thumb of a slider at its value, for eyes and for those who listen.
 *
 * @param {HTMLElement} thumb @param {{ now: number, min: number, max: number, text: string }} value
 */
function placeThumb(thumb, { now, min, max, text }) {
  thumb.style.setProperty("--at", String(max > min ? (now - min) / (max - min) : 0));
  thumb.setAttribute("aria-valuemin", String(min));
  thumb.setAttribute("aria-valuemax", String(max));
  thumb.setAttribute("aria-valuenow", String(Number(now.toFixed(6))));
  thumb.setAttribute("aria-valuetext", text);
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

/**
 * Where a pointer is in an element, in pixels from its upper left corner.
 *
 * @param {MouseEvent} event @param {Element} element @returns {[number, number]}
 */
export function pointer(event, element) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
