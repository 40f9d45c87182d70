// @ts-check
// The map of attention heads: how a number of the reading changes when one of them says nothing.

import { quotations, worker } from "../computing.js";
import { fill, h } from "../dom.js";
import { clamp, fmt, NO_ANSWER } from "../numbers.js";
import { title } from "../parts.js";
import { pointer } from "../ui.js";
import { layered, mix, write } from "./canvas.js";
import { computedList } from "./computed_list.js";
import { traitChoice } from "./trait_choice.js";

/** @import { Attributes, Child, Colours, Context, HeadsEntry, Paint } from "../types" */
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
/** @type {[string, string][]} */
const PUT = [
  ["zero", "zero"],
  ["mean", "its mean"],
];
/** How far a key moves over layers, and over heads. @type {Record<string, [number, number] | undefined>} */
const HEAD_STEPS = {
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

/**
 * What the parts of a map of heads share: what is drawn, how many pixels a head is wide, and which head is pointed at.
 *
 * @typedef {{ ui: Ui, entry: () => HeadsEntry | null, unit: number, row: number | null, head: number | null }} HeadsState
 */
/** @typedef {(row: number | null, head: number | null) => void} PointAtHead */

/** @param {{ ui: Ui }} state */
export function headMap({ ui }) {
  const live = ui.get("live") && !ui.still;
  /** @returns {HeadsEntry | null} */
  const entry = () => ui.get("found")[ui.get("shown")] ?? null;
  if (!live && entry() === null) return { el: null, show() {}, tell() {} };
  const work = worker(ui, { live, missing: () => !isFound(ui), label: "Take out each head" });
  const maps = foundMaps(ui, entry);
  const heading = title("Heads", "how a number of the reading changes when one attention head says nothing");
  const el = h("section", {}, heading, live && headControls(ui), work.el, maps.el);
  const tell = () => work.show();
  const show = () => {
    maps.show();
    tell();
  };
  return { el, show, tell };
}

/** Whether the map that is chosen was computed. @param {Ui} ui */
function isFound(ui) {
  /** @type {HeadsEntry[]} */
  const found = ui.get("found");
  return found.some(one => one.target === ui.get("target") && one.by === ui.get("by"));
}

/** The map that is shown, and a list of all that were computed. @param {Ui} ui @param {() => HeadsEntry | null} entry */
function foundMaps(ui, entry) {
  const picture = headPicture(ui, entry),
    el = h("div", {}),
    chosen = h("div", {});
  const show = () => {
    if (entry() === null) {
      fill(el);
      return;
    }
    const held = el.contains(document.activeElement) && document.activeElement?.closest("[role=listbox]");
    fill(chosen, mapsComputed(ui));
    if (!picture.el.isConnected) fill(el, picture.el, chosen);
    picture.show();
    /** @type {HTMLElement | null} */
    const option = chosen.querySelector("[aria-selected=true]");
    if (held) option?.focus();
  };
  return { el, show };
}

/** The number that heads are held against, and what takes the place of a head. @param {Ui} ui */
function headControls(ui) {
  const name = "What heads are held against";
  /** @param {string} words @param {HTMLElement} choice */
  const control = (words, choice) => h("div", { class: "ql-control" }, h("span", { class: "ql-soft" }, words), choice);
  return h(
    "div",
    { class: "ql-controls", role: "group", "aria-label": name },
    control("explain", traitChoice(ui, "target", name, TARGETS)),
    control("put", traitChoice(ui, "by", "In the place of a head", PUT)),
  );
}

/** Every map that was computed, to be shown again at once. @param {Ui} ui */
function mapsComputed(ui) {
  /** @param {HeadsEntry} entry */
  const how = ({ by }) => (by === "zero" ? "heads set to zero" : "heads set to their mean");
  const list = computedList(ui, how, k => turnTo(ui, k));
  return list && h("div", { class: "ql-again" }, list);
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
  const map = pointedHeads({ ui, entry, unit: 1, row: null, head: null });
  const heading = h("p", { class: "ql-target" }),
    note = h("p", { class: "ql-note" }),
    legend = h("div", { class: "ql-legend" });
  const show = () => {
    const now = entry();
    if (now === null) return;
    fitHeads(map, now);
    fill(heading, ablated(now));
    fill(note, strongestNote(now));
    fill(legend, headLegend(now));
    map.point(null, null);
  };
  return { el: h("div", {}, heading, map.el, map.line, legend, note), show };
}

/** The map, and a line on the head that is pointed at. @param {HeadsState} state */
function pointedHeads(state) {
  const map = headCanvases(state),
    line = h("p", { class: "ql-readout" });
  /** @type {PointAtHead} */
  const point = (row, head) => {
    Object.assign(state, { row, head });
    map.over.draw();
    fill(line, row === null ? "Point at a head to see what happens without it." : headWords(state));
  };
  pointAtHeads(state, map.el, point);
  walkHeads(state, map.el, point);
  return { ...map, line, point };
}

/** @param {HeadsState} state */
function headCanvases(state) {
  const canvases = {
    height: 100,
    /** @type {Paint} */
    paint: (context, width, _, colours) => {
      const now = state.entry();
      if (now === null) return;
      state.unit = Math.min(44, (width - GUTTER) / now.change[0].length);
      paintHeads(context, now, state.unit, colours);
    },
    /** @type {Paint} */
    mark: (context, _, __, colours) => frameHead(context, state, colours),
  };
  return layered(state.ui, canvases, pointedMap("Map of layers and heads. The arrows move from head to head."));
}

/** Make room for a map, and say what it shows. @param {ReturnType<typeof headCanvases>} map @param {HeadsEntry} entry */
function fitHeads({ main, over }, entry) {
  const { change } = entry;
  for (const canvas of [main, over]) canvas.resize(change.length * HEAD_ROW + 20);
  const strongest = strongestHeads(entry).join("; ");
  main.el.setAttribute(
    "aria-label",
    `Map of ${change.length} layers and ${change[0].length} heads. Largest changes in logits: ${strongest}.`,
  );
}

/** Of a map that takes the keys. @param {string} label @returns {Attributes} */
export function pointedMap(label) {
  return { class: "ql-map", tabindex: 0, role: "application", "aria-label": label };
}

/**
 * The head under the mouse; of a map that the keys reach, the strongest one.
 *
 * @param {HeadsState} state @param {HTMLElement} map @param {PointAtHead} point
 */
function pointAtHeads(state, map, point) {
  const { ui, entry } = state;
  ui.listen(map, "pointermove", event => {
    const [x, y] = pointer(event, map);
    const row = Math.floor(y / HEAD_ROW),
      head = Math.floor((x - GUTTER) / state.unit),
      change = entry()?.change ?? [[]];
    const inside = row >= 0 && row < change.length && head >= 0 && head < change[0].length;
    point(inside ? row : null, inside ? head : null);
  });
  ui.listen(map, "pointerleave", () => point(null, null));
  ui.listen(map, "blur", () => point(null, null));
  ui.listen(map, "focus", () => {
    const [layer, head] = entry()?.strongest[0] ?? [1, 1];
    if (state.row === null) point(layer - 1, head - 1);
  });
}

/**
 * Hear the keys of a map; `walk(key)` returns whether it used one. Only Tab and Escape go on to the page.
 *
 * @param {Ui} ui @param {HTMLElement} map @param {(key: string) => boolean} walk
 */
export function hearKeys(ui, map, walk) {
  ui.listen(map, "keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
    if (walk(event.key)) event.preventDefault();
  });
}

/**
 * The arrows move from head to head.
 *
 * @param {HeadsState} state @param {HTMLElement} map @param {PointAtHead} point
 */
function walkHeads(state, map, point) {
  hearKeys(state.ui, map, key => {
    const step = HEAD_STEPS[key],
      change = state.entry()?.change;
    if (step === undefined || change === undefined) return step !== undefined;
    const row = clamp((state.row ?? 0) + step[0], 0, change.length - 1),
      head = clamp((state.head ?? 0) + step[1], 0, change[0].length - 1);
    point(row, head);
    state.ui.say(headWords(state));
    return true;
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

/** @param {HeadsEntry} entry */
function strongestNote(entry) {
  const strongest = strongestHeads(entry);
  return strongest.length ? `Strongest: ${strongest.join(" · ")}` : "No head changes anything.";
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
  entry.change.forEach((heads, row) => {
    write(context, String(row + 1), GUTTER - 7, (row + 0.5) * HEAD_ROW, colours.soft, "right");
    heads.forEach((_, head) => paintHead(context, entry, row, head, { unit, colours }));
  });
  const foot = entry.change.length * HEAD_ROW + 10;
  for (let head = 0; head < entry.change[0].length; head += Math.ceil(18 / unit)) {
    write(context, String(head + 1), GUTTER + (head + 0.5) * unit, foot, colours.soft, "center");
  }
  write(context, "head", GUTTER - 7, foot, colours.soft, "right");
}

/**
 * What happens without one head as a colour, and as a number, or its sign alone where there is no room.
 *
 * @param {Context} context @param {HeadsEntry} entry @param {number} row @param {number} head
 * @param {{ unit: number, colours: Colours }} options
 */
function paintHead(context, { change, most }, row, head, { unit, colours }) {
  const without = change[row][head],
    x = GUTTER + head * unit,
    y = row * HEAD_ROW;
  const share = without === null || !most ? 0 : without / most,
    strength = Math.abs(share);
  context.fillStyle = mix(colours.field, share > 0 ? colours.less : colours.more, strength);
  context.fillRect(x, y, unit - 1, HEAD_ROW - 1);
  if (without !== null && strength < 0.2) return;
  const number = without === null ? "?" : fmt.signed(without, most < 9.5 ? 2 : 1);
  const words = context.measureText(number).width < unit - 3 ? number : number[0];
  write(context, words, x + (unit - 1) / 2, y + HEAD_ROW / 2, strength > 0.55 ? colours.ground : colours.ink, "center");
}
