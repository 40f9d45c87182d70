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
  const fields = [field(ui, "question", "Question", 1), field(ui, "context", "Text", 5)];
  const typed = () => fields.map(({ area }) => area.value);
  let shown = typed();
  const isOld = () => typed().some((text, k) => text !== shown[k]);
  const line = stateLine(ui);
  const show = () => {
    /** @type {Status} */
    const status = ui.get("status");
    old(isOld());
    line.show(status, isOld() && status.state !== "failed" ? OLD : "");
  };
  // By a timer, not by an animation: repainting the page takes time from the model on the same machine.
  const showLate = ui.later(show, PATIENCE);
  const save = ui.later(() => {
    for (const { name, area } of fields) ui.model.set(name, area.value);
    ui.save();
  }, PAUSE);
  const input = () => {
    old(isOld());
    showLate();
    save();
  };
  for (const { name, area } of fields) {
    // While a sign is being composed of several keys there is nothing to read yet.
    ui.listen(area, "input", event => event.isComposing || input());
    ui.listen(area, "compositionend", input);
    ui.listen(area, "keydown", event => event.stopPropagation());
    ui.on(name, () => {
      if (area.value !== ui.get(name)) area.value = ui.get(name);
    });
  }
  ui.on("status", () => {
    const { state } = ui.get("status");
    if (state === "idle") shown = fields.map(({ name }) => ui.get(name));
    if (state === "reading" && !line.busy) showLate();
    else show();
  });
  show();
  return h(
    "section",
    { class: "ql-editor", "aria-label": "Question and text" },
    fields.map(one => one.el),
    h("div", { class: "ql-tools ql-editor-bar" }, line.el, h("span", { class: "ql-tools ql-push" }, buttons)),
  );
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
  const words = h("span", { role: "status" }),
    warning = h("strong", {}, "⚠ ");
  const bar = h("progress", { class: "ql-progress", max: 1, "aria-label": "How much is read" });
  const stop = ui.button("Stop", () => ui.send({ do: "stop" }), { small: true });
  const again = ui.button("Read it", () => ui.send({ do: "read" }), { small: true });
  const el = h("span", { class: "ql-reading ql-tools" }, warning, bar, words, stop, again);
  return {
    el,
    get busy() {
      return !stop.hidden;
    },
    /** @param {Status} status @param {string} [more] */
    show({ state, words: said, share }, more = "") {
      warning.hidden = state !== "failed";
      stop.hidden = state !== "reading";
      again.hidden = state !== "stopped";
      bar.hidden = state !== "reading";
      if (share === null || share === undefined) bar.removeAttribute("value");
      else bar.value = share;
      const text = [said, more].filter(Boolean).join(" ");
      if (words.textContent !== text) fill(words, text);
      el.classList.toggle("ql-refused", state === "failed");
    },
  };
}
