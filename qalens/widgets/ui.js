// The hands of a view: its model, its theme, its parts, and everything that is let go when its drawing ends.

/** The hands of a view: its model, its root, and everything that is let go when the drawing ends. */
class Ui {
  constructor(model, root, signal) {
    this.model = model;
    this.root = root;
    this.signal = signal;
    this.live = h("output", { class: "ql-aloud", "aria-live": "polite" });
    this.reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this._themed = [];
    root.append(this.live);
    this._readTheme();
    this._watchTheme();
  }

  // traits
  get(name) {
    return this.model.get(name);
  }
  /** Set a trait here and in Python. */
  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }
  /** Call when a trait changes, from here or from Python. */
  on(name, change) {
    const event = name.includes(":") ? name : `change:${name}`;
    this.model.on(event, change);
    this.done(() => this.model.off(event, change));
  }
  /** A message to Python (`on_msg`); in a page without a kernel it goes nowhere. */
  send(content) {
    this.model.send(content);
  }
  get still() {
    return this.model.still === true;
  }
  floats(name) {
    return new Float32Array(this._bytes(name));
  }
  ints(name) {
    return new Int32Array(this._bytes(name));
  }
  _bytes(name) {
    const value = this.get(name);
    if (value instanceof ArrayBuffer) return value.slice(0);
    return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
  }

  // life
  done(release) {
    this.signal.addEventListener("abort", release, { once: true });
  }
  listen(target, type, handler, options = {}) {
    target.addEventListener(type, handler, { ...options, signal: this.signal });
  }
  /** A function that runs `work` once before the next repaint, however often it is called. */
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
  /** A function that runs `work` when it was not called again for some milliseconds. */
  later(work, milliseconds) {
    let waiting = 0;
    this.done(() => clearTimeout(waiting));
    return (...values) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => work(...values), milliseconds);
    };
  }
  /** Say something to those who listen; nothing is seen. */
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
  /** Voila draws into an element that it lays in its page later, and before that no colour is known. */
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
  /** Call when the theme changes. */
  onTheme(paint) {
    this._themed.push(paint);
  }

  // parts
  button(label, press, { pressed = null, name = null, small = false, disabled = false } = {}) {
    const el = h("button", {
      type: "button", class: small ? "ql-button ql-small" : "ql-button", "aria-label": name, disabled,
      "aria-pressed": pressed === null ? null : String(pressed),
    }, label);
    this.listen(el, "click", event => press(event, el));
    this.listen(el, "keydown", event => event.stopPropagation());
    return el;
  }

  /** One of several choices as buttons side by side. `options`: [[value, label], …]. */
  choice({ label, options, value, change }) {
    const el = h("div", { class: "ql-choice", role: "radiogroup", "aria-label": label });
    const buttons = options.map(([, text]) => h("span", { role: "radio", tabindex: -1 }, text));
    const show = chosen => buttons.forEach((button, k) => {
      const on = options[k][0] === chosen;
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    });
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

  /** Parts of which one is seen. `parts`: [[title, element], …]; `shown(k)` is told which. */
  tabs({ label, parts, shown = () => {} }) {
    const list = h("div", { class: "ql-tabs", role: "tablist", "aria-label": label });
    const tabs = parts.map(([title]) => h("span", { role: "tab", tabindex: -1, id: freshId() }, title));
    const panels = parts.map(([, part], k) => h("div", { role: "tabpanel", "aria-labelledby": tabs[k].id }, part));
    const show = at => {
      tabs.forEach((tab, k) => {
        tab.setAttribute("aria-selected", String(k === at));
        tab.tabIndex = k === at ? 0 : -1;
        panels[k].hidden = k !== at;
      });
      shown(at);
    };
    tabs.forEach((tab, k) => this.listen(tab, "click", () => show(k)));
    this.rove(list, () => tabs, { horizontal: true, move: show, press: show });
    append(list, tabs);
    show(0);
    return { el: h("div", {}, list, panels), set: show };
  }

  /** Arrow keys, Home and End among items of which one has the tab stop; Enter and the blank press. */
  rove(el, items, { horizontal = false, move = () => {}, press = () => {} } = {}) {
    this.listen(el, "keydown", event => {
      const all = items(), at = all.indexOf(event.target);
      if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const turned = horizontal && getComputedStyle(el).direction === "rtl" ? -1 : 1;
      const to = {
        ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1,
        ...(horizontal ? { ArrowRight: at + turned, ArrowLeft: at - turned } : {}),
      }[event.key];
      if (to !== undefined) {
        const next = clamp(to, 0, all.length - 1);
        all.forEach((item, k) => { item.tabIndex = k === next ? 0 : -1; });
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
   */
  slider({ label, min, max, step, page = 10 * step, value, text = v => fmt.logit(v), input, share = () => 0 }) {
    const thumb = h("span", {
      class: "ql-thumb", role: "slider", tabindex: 0, "aria-label": label, "aria-orientation": "horizontal",
    });
    const track = h("span", { class: "ql-track" });
    const el = h("div", { class: "ql-slider", dir: "ltr" }, track, thumb);
    let now = value;
    const show = v => {
      now = clamp(v, min, max);
      thumb.style.setProperty("--at", String(max > min ? (now - min) / (max - min) : 0));
      thumb.setAttribute("aria-valuemin", String(min));
      thumb.setAttribute("aria-valuemax", String(max));
      thumb.setAttribute("aria-valuenow", String(Number(now.toFixed(6))));
      thumb.setAttribute("aria-valuetext", text(now));
    };
    const take = v => {
      show(min + Math.round((v - min) / step) * step);
      input(now);
    };
    const drag = event => {
      const box = track.getBoundingClientRect(), covered = box.width * share();
      take(min + ((max - min) * (event.clientX - box.left - covered / 2)) / Math.max(1, box.width - covered));
    };
    const limit = (low, high) => {
      [min, max] = [low, high];
      show(now);
    };
    this.listen(el, "pointerdown", event => {
      if (event.button !== 0) return;
      event.preventDefault();
      el.setPointerCapture(event.pointerId);
      thumb.focus();
      drag(event);
    });
    this.listen(el, "pointermove", event => {
      if (el.hasPointerCapture(event.pointerId)) drag(event);
    });
    this.listen(thumb, "keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const to = {
        ArrowRight: now + step, ArrowUp: now + step, ArrowLeft: now - step, ArrowDown: now - step,
        PageUp: now + page, PageDown: now - page, Home: min, End: max,
      }[event.key];
      if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
      if (to === undefined) return;
      event.preventDefault();
      take(to);
    });
    show(value);
    return { el, track, thumb, limit, set: show, get value() { return now; } };
  }

  /** A canvas as wide as its place and `height` pixels high; `paint(context, width, height, colours)` draws it. */
  canvas({ label, height, paint }) {
    const el = h("canvas", { class: "ql-canvas", role: "img", "aria-label": label });
    let high = height, width = 0, font = "";
    el.style.height = `${high}px`;
    const draw = this.frame(() => {
      if (width === 0) return;
      const sharp = window.devicePixelRatio || 1;
      const [w, t] = [Math.round(width * sharp), Math.round(high * sharp)];
      const context = el.getContext("2d");
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
      el, draw,
      get width() { return width; },
      resize(pixels) {
        high = pixels;
        el.style.height = `${high}px`;
        draw();
      },
    };
  }
}

/** Where a pointer is in an element, in pixels from its upper left corner. */
function pointer(event, element) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
