import assert from "node:assert/strict";
import test from "node:test";
import { keptState } from "../../../qalens/widgets/js/kernel.js";

/** @import { SavedWidget } from "../../../qalens/widgets/js/types" */

/** @param {...string} children */
const ours = (...children) => ({
  state: {
    _anywidget_id: "qalens.widgets.x.X",
    layout: "IPY_MODEL_l1",
    children: children.map(id => `IPY_MODEL_${id}`),
  },
});
/** @param {...string} children */
const others = (...children) => ({ state: { children: children.map(id => `IPY_MODEL_${id}`) } });
/** @param {Record<string, SavedWidget>} before @param {Record<string, SavedWidget>} live @param {string[]} shown */
const ids = (before, live, shown) => Object.keys(keptState(before, live, id => shown.includes(id))).sort();

test("what is shown is kept with all that it holds", () => {
  const live = { box: others("x"), x: ours("y"), y: ours(), l1: others(), alone: ours() };
  assert.deepEqual(ids({}, live, ["box"]), ["box", "l1", "x", "y"]);
});

test("widgets of others that live now are theirs to save; those that were saved before stay", () => {
  assert.deepEqual(ids({}, { slider: others() }, ["slider"]), []);
  assert.deepEqual(ids({ slider: others() }, {}, ["slider"]), ["slider"]);
});

test("what was saved and is shown no more goes; what no kernel knows and is still shown stays", () => {
  const before = { gone: ours(), still: ours(), l1: others() };
  assert.deepEqual(ids(before, {}, ["still"]), ["l1", "still"]);
});

test("the state that lives now counts, and circles end", () => {
  const live = { x: ours("y"), y: ours("x") };
  const kept = keptState({ x: others() }, live, id => id === "x");
  assert.equal(kept.x, live.x);
  assert.deepEqual(Object.keys(kept).sort(), ["x", "y"]);
});
