// @ts-check
// Fields for a question and a text; what is typed is read along.

import { fill, freshId, h } from "./dom.js";

/** @import { Child, Status } from "./types" */
/** @import { Ui } from "./ui.js" */

const PAUSE = 250; // milliseconds without a key after which what was typed is read
const PATIENCE = 300; // milliseconds: a reading that is there sooner needs no word about it
const OLD = "What is shown below is of the text before.";

/**
 * Fields for the traits `question` and `context`, and a line that says how the reading is; `buttons` follow the line.
 * `old(yes)` is told whether what is shown is older than the fields.
 *
 * @param {Ui} ui @param {{ buttons?: Child, old: (yes: boolean) => void }} options
 */
export function editor(ui, { buttons = [], old }) {
  const { fields, line } = new ReadingAlong(ui, old);
  return h(
    "section",
    { class: "ql-editor", "aria-label": "Question and text" },
    fields.map(one => one.el),
    h("div", { class: "ql-tools ql-editor-bar" }, line.el, h("span", { class: "ql-tools ql-push" }, buttons)),
  );
}

/** The fields, what of them is shown already, and the line that says so. */
class ReadingAlong {
  /** @param {Ui} ui @param {(yes: boolean) => void} old */
  constructor(ui, old) {
    this.ui = ui;
    this.fields = [field(ui, "question", "Question", 1), field(ui, "context", "Text", 5)];
    this.shown = this.fields.map(({ area }) => area.value);
    this.line = stateLine(ui);
    this.tellOld = () => old(this.isOld);
    // By a timer, not by an animation: repainting the page takes time from the model on the same machine.
    this.showLate = ui.later(() => this.show(), PATIENCE);
    this.save = ui.later(() => this._save(), PAUSE);
    for (const one of this.fields) this._listen(one);
    ui.on("status", () => this._follow());
    this.show();
  }
  /** Whether what is shown is older than the fields. */
  get isOld() {
    return this.fields.some(({ area }, k) => area.value !== this.shown[k]);
  }
  show() {
    /** @type {Status} */
    const status = this.ui.get("status");
    this.tellOld();
    this.line.show(status, this.isOld && status.state !== "failed" ? OLD : "");
  }
  _save() {
    for (const { name, area } of this.fields) this.ui.model.set(name, area.value);
    this.ui.save();
  }
  /** @param {ReturnType<typeof field>} field */
  _listen({ name, area }) {
    const { ui } = this;
    // While a sign is being composed of several keys there is nothing to read yet.
    ui.listen(area, "input", event => event.isComposing || this._typed());
    ui.listen(area, "compositionend", () => this._typed());
    ui.keepKeys(area);
    ui.on(name, () => {
      if (area.value !== ui.get(name)) area.value = ui.get(name);
    });
  }
  _typed() {
    this.tellOld();
    this.showLate();
    this.save();
  }
  /** Show how the reading is, and what was read. */
  _follow() {
    const { state } = this.ui.get("status");
    if (state === "idle") this.shown = this.fields.map(({ name }) => this.ui.get(name));
    if (state === "reading" && !this.line.busy) this.showLate();
    else this.show();
  }
}

/** @param {Ui} ui @param {string} name @param {string} label @param {number} rows */
function field(ui, name, label, rows) {
  const id = freshId();
  const area = h("textarea", {
    id,
    class: `ql-field ql-field-${name}`,
    rows,
    spellcheck: "false",
    autocomplete: "off",
    dir: "auto",
    lang: "",
  });
  area.value = ui.get(name);
  return { name, area, el: [h("label", { class: "ql-field-of", for: id }, label), area] };
}

/**
 * What is being read and how far, with a button that stops it; what was stopped can be read after all.
 *
 * @param {Ui} ui
 */
export function stateLine(ui) {
  const pieces = statePieces(ui);
  return {
    el: pieces.el,
    get busy() {
      return !pieces.stop.hidden;
    },
    /** @param {Status} status @param {string} [more] */
    show: (status, more = "") => showState(pieces, status, more),
  };
}

/** @param {Ui} ui */
function statePieces(ui) {
  const words = h("span", { role: "status" }),
    warning = h("strong", {}, "⚠ ");
  const bar = h("progress", { class: "ql-progress", max: 1, "aria-label": "How much is read" });
  const stop = ui.button("Stop", () => ui.send({ do: "stop" }), { small: true });
  const again = ui.button("Read it", () => ui.send({ do: "read" }), { small: true });
  const el = h("span", { class: "ql-reading ql-tools" }, warning, bar, words, stop, again);
  return { el, warning, bar, words, stop, again };
}

/** @param {ReturnType<typeof statePieces>} pieces @param {Status} status @param {string} more */
function showState({ el, warning, bar, words, stop, again }, { state, words: said, share }, more) {
  warning.hidden = state !== "failed";
  stop.hidden = state !== "reading";
  again.hidden = state !== "stopped";
  bar.hidden = state !== "reading";
  if (share === null || share === undefined) bar.removeAttribute("value");
  else bar.value = share;
  const text = [said, more].filter(Boolean).join(" ");
  if (words.textContent !== text) fill(words, text);
  el.classList.toggle("ql-refused", state === "failed");
}
