// @ts-check
// What draws an explorer, in a notebook or in a page of its own. No requests, and text only ever becomes text: nothing
// here parses markup.

import { h } from "./dom.js";
import { keepWithNotebook } from "./kernel.js";
import { Ui } from "./ui.js";

/** @import { Model } from "./types" */

/**
 * Draw an explorer; the function returned lets everything go. Another `view` is drawn anew.
 *
 * @param {(ui: Ui) => void} explore @param {{ model: Model, el: HTMLElement }} place @param {string} scope
 */
export function render(explore, { model, el }, scope) {
  const root = el.appendChild(rootOf(scope));
  keepWithNotebook(model);
  /** @type {AbortController | null} */
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
    drawing?.abort();
    root.remove();
  };
}

/** What holds an explorer, with its name for those who listen. @param {string} scope */
function rootOf(scope) {
  const name = scope.replace("ql-of-", "").replaceAll("-", " ");
  return h("div", { class: `ql-x ${scope}`, dir: "ltr", lang: "en", role: "region", "aria-label": name });
}
