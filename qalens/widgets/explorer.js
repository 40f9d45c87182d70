// What draws an explorer of this module, in a notebook or in a page of its own. The scripts before it are what all explorers
// share; after it a view's own script defines `explore(ui)`. All of them are one module, put together as text.
// No imports, no requests, and text only ever becomes text: nothing here parses markup.

/** Draw the explorer of this module; the function returned lets everything go. Another `view` is drawn anew. */
function render({ model, el }) {
  const root = h("div", { class: "ql-x", dir: "ltr", lang: "en" });
  el.append(root);
  let drawing = null;
  const draw = () => {
    drawing?.abort();
    drawing = new AbortController();
    root.replaceChildren();
    explore(new Ui(model, root, drawing.signal));
  };
  model.on("change:view", draw);
  draw();
  return () => {
    model.off("change:view", draw);
    drawing.abort();
    root.remove();
  };
}

/** A model without a kernel, for exported pages. */
function stillModel(traits) {
  const heard = new Map();
  return {
    still: true,
    get: name => traits[name],
    set(name, value) {
      if (traits[name] === value) return;
      traits[name] = value;
      for (const change of [...(heard.get(`change:${name}`) ?? [])]) change();
    },
    save_changes() {},
    send() {},
    on(event, change) {
      heard.set(event, [...(heard.get(event) ?? []), change]);
    },
    off(event, change) {
      heard.set(event, (heard.get(event) ?? []).filter(one => one !== change));
    },
  };
}
