// @ts-check
// Whether there is still a kernel behind a picture, and what of the widgets is saved with a notebook.

import { h } from "./dom.js";

/** @import { Model, SavedWidget } from "./types" */
/** @import { Ui } from "./ui.js" */

// Milliseconds that an answer may take.
const ANSWER_WITHIN = 2500;
const STATE = "application/vnd.jupyter.widget-state+json";
const SAYS = {
  silent:
    "The kernel does not answer. If it is busy, this waits for it; if it was stopped or restarted, run this cell again.",
  gone: "This is a saved picture: what is chosen in it is not computed anew until the cell is run again.",
};

/** Says above a picture when the kernel does not answer what was asked of it. */
export class Kernel {
  /** @param {Ui} ui */
  constructor(ui) {
    this.model = ui.model;
    this.note = h("p", { class: "ql-unanswered", role: "alert", hidden: true });
    ui.root.append(this.note);
    this.waiting = 0;
    ui.on("msg:custom", content => content?.do === "pong" && this._answered());
    ui.done(() => clearTimeout(this.waiting));
    // JupyterLab tells null where a notebook is open without a kernel.
    if (ui.model.widget_manager?.kernel === null) this._say(SAYS.gone);
  }
  /** Something was asked of Python; one question at a time is enough to know. */
  asked() {
    if (this.model.still || this.waiting) return;
    this.waiting = window.setTimeout(() => {
      this.waiting = 0;
      this._say(SAYS.silent);
    }, ANSWER_WITHIN);
    this.model.send({ do: "ping" });
  }
  _answered() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    this.note.hidden = true;
  }
  /** @param {string} words */
  _say(words) {
    this.note.textContent = words;
    this.note.hidden = false;
  }
}

/**
 * The state of the widgets that a notebook shows, to be saved with it: what is there already, and ours that live now.
 *
 * - `before`, `live`: models by their id, as in the metadata of a notebook
 * - `shown`: whether an id stands in an output
 *
 * @param {Record<string, SavedWidget>} before @param {Record<string, SavedWidget>} live
 * @param {(id: string) => boolean} shown
 */
export function keptState(before, live, shown) {
  const all = { ...before, ...live };
  const reach = reaching(all);
  /** @param {string} id */
  const ours = id => reach(id).some(one => String(all[one].state._anywidget_id ?? "").startsWith("qalens."));
  const kept = Object.keys(all).filter(id => shown(id) && (id in before || ours(id)));
  return Object.fromEntries([...new Set(kept.flatMap(reach))].map(id => [id, all[id]]));
}

/**
 * A function from the id of a model to those of all that it needs, itself the first; none for an id that is not known.
 *
 * @param {Record<string, SavedWidget>} all
 */
function reaching(all) {
  /** @type {Map<string, Set<string>>} */
  const reached = new Map();
  /** @param {string} id @returns {string[]} */
  const reach = id => {
    const known = reached.get(id);
    if (known !== undefined || all[id] === undefined) return [...(known ?? [])];
    const found = new Set([id]);
    reached.set(id, found);
    for (const [, other] of JSON.stringify(all[id].state).matchAll(/"IPY_MODEL_([\w-]+)"/g)) {
      for (const one of reach(other)) found.add(one);
    }
    return [...found];
  };
  return reach;
}

/**
 * Save the state of our widgets with the notebook: without it, one that is opened again finds no model to show.
 *
 * @param {Model} model
 */
export function keepWithNotebook(model) {
  const manager = model.widget_manager,
    context = manager?.context;
  // Only JupyterLab and Notebook have these; other hosts save, or do not, as they please.
  if (!context?.saveState?.connect || !context.model?.setMetadata || !manager.get_state_sync) return;
  const once = Symbol.for("qalens.kept");
  if (context[once]) return;
  context[once] = true;
  /** @param {unknown} _ @param {string} state */
  const saving = (_, state) => {
    if (state !== "started") return;
    const before = context.model.getMetadata("widgets") ?? {};
    const live = manager.get_state_sync({ drop_defaults: true });
    /** @type {{ outputs?: unknown[] }[]} */
    const cells = context.model.toJSON().cells;
    const outputs = JSON.stringify(cells.map(cell => cell.outputs ?? []));
    const kept = keptState(before[STATE]?.state ?? {}, live.state, id => outputs.includes(id));
    context.model.setMetadata("widgets", { ...before, [STATE]: { ...live, state: kept } });
  };
  context.saveState.connect(saving);
}
