// Fields for a question and a text; what is typed is read along.

const PAUSE = 250; // milliseconds without a key after which what was typed is read
const PATIENCE = 300; // milliseconds: a reading that is there sooner needs no word about it

/** Fields for the traits `question` and `context`, and a line that says how the reading is; `buttons` follow the line. */
function editor(ui, buttons = []) {
  const field = (name, label, rows) => {
    const id = freshId();
    const area = h("textarea", { id, class: `ql-field ql-field-${name}`, rows, spellcheck: "false", autocomplete: "off", dir: "auto", lang: "" });
    area.value = ui.get(name);
    return { name, area, el: [h("label", { class: "ql-field-of", for: id }, label), area] };
  };
  const fields = [field("question", "Question", 1), field("context", "Text", 5)];
  const save = ui.later(() => {
    for (const { name, area } of fields) ui.model.set(name, area.value);
    ui.model.save_changes();
  }, PAUSE);
  for (const { name, area } of fields) {
    // While a sign is being composed of several keys there is nothing to read yet.
    ui.listen(area, "input", event => event.isComposing || save());
    ui.listen(area, "compositionend", () => save());
    ui.listen(area, "keydown", event => event.stopPropagation());
    ui.on(name, () => {
      if (area.value !== ui.get(name)) area.value = ui.get(name);
    });
  }
  const line = h("span", { class: "ql-reading", role: "status" });
  const show = () => {
    const { state, words } = ui.get("status");
    line.classList.toggle("ql-refused", state === "failed");
    fill(line, state === "failed" ? [h("strong", {}, "⚠ "), words] : words);
  };
  // By a timer, not by an animation: repainting the page takes time from the model on the same machine.
  const showLate = ui.later(show, PATIENCE);
  ui.on("status", () => ui.get("status").state === "reading" ? showLate() : show());
  show();
  return h("section", { class: "ql-editor" }, fields.map(one => one.el), h("div", { class: "ql-bar ql-editor-bar" }, line, h("span", { class: "ql-bar ql-push" }, buttons)));
}
