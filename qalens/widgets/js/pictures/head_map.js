// @ts-check
// The map of attention heads: how a number of the reading changes when one of them says nothing.

import { listOf, quotations, worker } from "../computing.js";
import { append, fill, h } from "../dom.js";
import { clamp, fmt, NO_ANSWER } from "../numbers.js";
import { title } from "../parts.js";
import { pointer } from "../ui.js";
import { mix } from "./canvas.js";

/** @import { Canvas, Child, Colours, Context, HeadsEntry } from "../types" */
/** @import { Ui } from "../ui.js" */

export const GUTTER = 34; // pixels left of a map, for the numbers of its rows
const HEAD_ROW = 22; // pixels of a row of heads
/** @type {[string, string][]} */
const TARGETS = [
  ["answer", "answer"],
  ["start", "start"],
  ["end", "end"],
  ["no_answer", NO_ANSWER],
  ["margin", "margin"],
];

/**
 * What the parts of a map of heads share: what is drawn, how many pixels a head is wide, and which head is pointed at.
 *
 * @typedef {{ ui: Ui, entry: () => HeadsEntry | null, unit: number, row: number | null, head: number | null }} HeadsState
 */

/** @param {{ ui: Ui }} state */
export function headMap({ ui }) {
  const live = ui.get("live") && !ui.still;
  const el = h("section", {});
  /** @returns {HeadsEntry | null} */
  const entry = () => ui.get("found")[ui.get("shown")] ?? null;
  if (!live && entry() === null) return { el: null, show() {}, tell() {} };
  const missing = () => {
    /** @type {HeadsEntry[]} */
    const found = ui.get("found");
    return !found.some(one => one.target === ui.get("target") && one.by === ui.get("by"));
  };
  const work = worker(ui, { live, missing, label: "Take out each head" });
  const controls = headControls(ui),
    picture = headPicture(ui, entry),
    place = h("div", {}),
    chosen = h("div", {});
  append(el, [
    title("Heads", "how a number of the reading changes when one attention head says nothing"),
    live && controls.el,
    work.el,
    place,
  ]);
  const tell = () => work.show();
  const show = () => {
    controls.show();
    const now = entry();
    if (now === null) fill(place);
    else {
      const held = place.contains(document.activeElement) && document.activeElement?.closest("[role=listbox]");
      fill(chosen, mapsComputed(ui));
      if (!picture.el.isConnected) fill(place, picture.el, chosen);
      picture.show();
      /** @type {HTMLElement | null} */
      const option = chosen.querySelector("[aria-selected=true]");
      if (held) option?.focus();
    }
    tell();
  };
  return { el, show, tell };
}

/** The number that heads are held against, and what takes the place of a head. @param {Ui} ui */
function headControls(ui) {
  const target = ui.choice({
    label: "What heads are held against",
    options: TARGETS,
    value: ui.get("target"),
    change: value => ui.set("target", value),
  });
  const by = ui.choice({
    label: "In the place of a head",
    options: [
      ["zero", "zero"],
      ["mean", "its mean"],
    ],
    value: ui.get("by"),
    change: value => ui.set("by", value),
  });
  /** @param {string} name @param {HTMLElement} part */
  const control = (name, part) => h("div", { class: "ql-control" }, h("span", { class: "ql-soft" }, name), part);
  const el = h(
    "div",
    { class: "ql-controls", role: "group", "aria-label": "What heads are held against" },
    control("explain", target.el),
    control("put", by.el),
  );
  const show = () => {
    target.set(ui.get("target"));
    by.set(ui.get("by"));
  };
  return { el, show };
}

/** Every map that was computed, to be shown again at once. @param {Ui} ui */
function mapsComputed(ui) {
  /** @type {HeadsEntry[]} */
  const found = ui.get("found");
  if (found.length < 2) return null;
  const rows = found.map(one => [
    h("span", {}, quotations(one.words)),
    h("span", { class: "ql-soft" }, one.by === "zero" ? "heads set to zero" : "heads set to their mean"),
    h("span", {}, fmt.logit(one.amount)),
  ]);
  return h(
    "div",
    { class: "ql-again" },
    title("Computed", "shown again without the model"),
    listOf(ui, {
      label: "Computed",
      rows,
      selected: found.map((_, k) => k === ui.get("shown")),
      take: k => turnTo(ui, k),
    }),
  );
}

/** @param {Ui} ui @param {number} k */
function turnTo(ui, k) {
  /** @type {HeadsEntry} */
  const one = ui.get("found")[k];
  if (one.target !== "other") ui.model.set("target", one.target);
  ui.model.set("by", one.by);
  ui.set("shown", k);
}

/**
 * The map of layers × heads, with a cursor for the mouse and the arrow keys.
 *
 * @param {Ui} ui @param {() => HeadsEntry | null} entry
 */
function headPicture(ui, entry) {
  /** @type {HeadsState} */
  const state = { ui, entry, unit: 1, row: null, head: null };
  const canvas = ui.canvas({
    label: "",
    height: 100,
    paint: (context, width, _, colours) => {
      const now = entry();
      if (now === null) return;
      state.unit = Math.min(44, (width - GUTTER) / now.change[0].length);
      paintHeads(context, now, state.unit, colours);
    },
  });
  const over = ui.canvas({
    label: "",
    height: 100,
    paint: (context, _, __, colours) => frameHead(context, state, colours),
  });
  const stack = pointedMap(canvas, over, "Map of layers and heads. The arrows move from head to head.");
  const heading = h("p", { class: "ql-target" }),
    line = h("p", { class: "ql-readout" }),
    note = h("p", { class: "ql-note" }),
    legend = h("div", { class: "ql-legend" });
  const el = h("div", {}, heading, stack, line, legend, note);
  /** @param {number | null} row @param {number | null} head */
  const point = (row, head) => {
    Object.assign(state, { row, head });
    over.draw();
    fill(line, row === null ? "Point at a head to see what happens without it." : headWords(state));
  };
  pointAtHeads(state, stack, point);
  walkHeads(state, stack, point);
  const show = () => {
    const now = entry();
    if (now === null) return;
    const height = now.change.length * HEAD_ROW + 20;
    canvas.resize(height);
    over.resize(height);
    fill(heading, ablated(now));
    const strongest = strongestHeads(now);
    canvas.el.setAttribute(
      "aria-label",
      `Map of ${now.change.length} layers and ${now.change[0].length} heads. Largest changes in logits: ${strongest.join("; ")}.`,
    );
    fill(note, strongest.length ? `Strongest: ${strongest.join(" · ")}` : "No head changes anything.");
    fill(legend, headLegend(now));
    point(null, null);
  };
  return { el, show };
}

/**
 * A map that takes the keys: its canvas, and one above it for what is pointed at.
 *
 * @param {Canvas} canvas @param {Canvas} over @param {string} label
 */
export function pointedMap(canvas, over, label) {
  over.el.classList.add("ql-over");
  over.el.setAttribute("aria-hidden", "true");
  return h("div", { class: "ql-map", tabindex: 0, role: "application", "aria-label": label }, canvas.el, over.el);
}

/**
 * The head under the mouse; of a map that the keys reach, the strongest one.
 *
 * @param {HeadsState} state @param {HTMLElement} stack
 * @param {(row: number | null, head: number | null) => void} point
 */
function pointAtHeads(state, stack, point) {
  const { ui, entry } = state;
  ui.listen(stack, "pointermove", event => {
    const [x, y] = pointer(event, stack);
    const row = Math.floor(y / HEAD_ROW),
      head = Math.floor((x - GUTTER) / state.unit),
      change = entry()?.change ?? [[]];
    const inside = row >= 0 && row < change.length && head >= 0 && head < change[0].length;
    point(inside ? row : null, inside ? head : null);
  });
  ui.listen(stack, "pointerleave", () => point(null, null));
  ui.listen(stack, "blur", () => point(null, null));
  ui.listen(stack, "focus", () => {
    const [layer, head] = entry()?.strongest[0] ?? [1, 1];
    if (state.row === null) point(layer - 1, head - 1);
  });
}

/**
 * The arrows move from head to head.
 *
 * @param {HeadsState} state @param {HTMLElement} stack
 * @param {(row: number | null, head: number | null) => void} point
 */
function walkHeads(state, stack, point) {
  const { ui, entry } = state;
  ui.listen(stack, "keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = {
      ArrowRight: [0, 1],
      ArrowLeft: [0, -1],
      ArrowDown: [1, 0],
      ArrowUp: [-1, 0],
      Home: [0, -Infinity],
      End: [0, Infinity],
    }[event.key];
    if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
    if (step === undefined) return;
    event.preventDefault();
    const change = entry()?.change;
    if (change === undefined) return;
    point(
      clamp((state.row ?? 0) + step[0], 0, change.length - 1),
      clamp((state.head ?? 0) + step[1], 0, change[0].length - 1),
    );
    ui.say(headWords(state));
  });
}

// --- words ------------------------------------------------------------------------------------------------------------

/** What happens without the head that is pointed at. @param {HeadsState} state */
function headWords({ entry, row, head }) {
  const now = entry();
  if (now === null || row === null || head === null) return "";
  const change = now.change[row][head],
    { amount, digits } = now;
  if (change === null) return `layer ${row + 1}, head ${head + 1}: not a number without it`;
  const kind =
    change < 0 ? "it contributes positively" : change > 0 ? "it contributes negatively" : "it changes nothing";
  return `layer ${row + 1}, head ${head + 1}: ${fmt.logit(Number(amount) + change)} without it, ${fmt.signed(change, digits)}: ${kind}`;
}

/** The number that is explained, and what was done to each head. @param {HeadsEntry} entry @returns {Child[]} */
function ablated({ words, amount, by }) {
  return [
    quotations(words),
    " = ",
    h("b", {}, fmt.logit(amount)),
    by === "zero" ? ", each head set to zero in turn" : ", each head set to its mean in turn",
  ];
}

/** @param {HeadsEntry} entry */
function strongestHeads({ strongest, digits }) {
  return strongest.map(([layer, head, change]) => `layer ${layer} head ${head} ${fmt.signed(change, digits)}`);
}

/** @param {HeadsEntry} entry @returns {Child} */
function headLegend({ most, digits }) {
  if (!most) return null;
  return [
    h(
      "span",
      {},
      `${fmt.signed(-most, digits)} `,
      h("i", { class: "ql-ramp ql-ramp-for-against" }),
      ` ${fmt.signed(most, digits)} logits without the head`,
    ),
    h("span", {}, "− it contributes positively"),
    h("span", {}, "+ it contributes negatively"),
  ];
}

// --- paint ------------------------------------------------------------------------------------------------------------

/** @param {Context} context @param {HeadsState} state @param {Colours} colours */
function frameHead(context, { unit, row, head }, colours) {
  if (row === null || head === null) return;
  context.strokeStyle = colours.ink;
  context.lineWidth = 2;
  context.strokeRect(GUTTER + head * unit, row * HEAD_ROW + 1, unit - 1, HEAD_ROW - 2);
}

/** @param {Context} context @param {HeadsEntry} entry @param {number} unit @param {Colours} colours */
function paintHeads(context, entry, unit, colours) {
  const layers = entry.change.length,
    heads = entry.change[0].length;
  context.textBaseline = "middle";
  for (let row = 0; row < layers; row++) {
    const y = row * HEAD_ROW;
    context.fillStyle = colours.soft;
    context.textAlign = "right";
    context.fillText(String(row + 1), GUTTER - 7, y + HEAD_ROW / 2);
    context.textAlign = "center";
    for (let head = 0; head < heads; head++) {
      const change = entry.change[row][head],
        x = GUTTER + head * unit;
      const share = change === null || !entry.most ? 0 : change / entry.most;
      context.fillStyle = mix(colours.field, share > 0 ? colours.less : colours.more, Math.abs(share));
      context.fillRect(x, y, unit - 1, HEAD_ROW - 1);
      if (change !== null && Math.abs(share) < 0.2) continue;
      context.fillStyle = Math.abs(share) > 0.55 ? colours.ground : colours.ink;
      const number = change === null ? "?" : fmt.signed(change, entry.most < 9.5 ? 2 : 1);
      context.fillText(
        context.measureText(number).width < unit - 3 ? number : number[0],
        x + (unit - 1) / 2,
        y + HEAD_ROW / 2,
      );
    }
  }
  context.fillStyle = colours.soft;
  const every = Math.ceil(18 / unit);
  for (let head = 0; head < heads; head += every) {
    context.fillText(String(head + 1), GUTTER + (head + 0.5) * unit, layers * HEAD_ROW + 10);
  }
  context.textAlign = "right";
  context.fillText("head", GUTTER - 7, layers * HEAD_ROW + 10);
}
