// Two readings side by side, in characters: of two models, or of a text before and after an edit.

const MARGIN = 40; // pixels left of the strip, for its numbers
const STRETCH = 700; // characters that the strip shows at a time
const LANES = { words: 16, name: 15, high: 30, change: 32, gap: 9 };
const LISTED = 7; // spans in the list

/** The numbers of the difference that is shown now; the places are characters of the flow of both texts. */
class Comparison {
  constructor(ui) {
    const picture = ui.get("picture"), places = ui.ints("words"), inclusion = ui.floats("inclusion");
    const n = inclusion.length / 2;
    Object.assign(this, picture);
    this.n = n;
    this.flow = new Words(picture.text);
    this.before = inclusion.subarray(0, n);
    this.after = inclusion.subarray(n);
    this.begin = Int32Array.from({ length: places.length / 2 }, (_, k) => places[2 * k]);
    this.end = Int32Array.from({ length: places.length / 2 }, (_, k) => places[2 * k + 1]);
    this.starts = Int32Array.from(picture.stretches, ([, start]) => start);
    // What a text does not have was, or is, not in the answer.
    this.change = Float32Array.from(this.after, (p, k) => (p || 0) - (this.before[k] || 0));
    this.most = this.change.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    this.after_of = this._afters();
  }
  /** For each character of the flow its place in the text after, or -1. */
  _afters() {
    const places = new Int32Array(this.n).fill(-1);
    let at = 0;
    for (let k = 0; k < this.n; k++) if (!Number.isNaN(this.after[k])) places[k] = at++;
    return places;
  }
  kindAt(place) {
    return this.stretches[lastAtMost(this.starts, place)][0];
  }
  /** The stretches of one kind as [start, end). */
  ranges(kind) {
    return this.stretches.flatMap(([one, start], k) => (one === kind ? [[start, this.stretches[k + 1]?.[1] ?? this.n]] : []));
  }
  wordAt(place) {
    const word = lastAtMost(this.begin, place);
    return word >= 0 && place < this.end[word] ? word : -1;
  }
  /** The largest change within a word, with its sign. */
  changeOf(word) {
    let best = 0;
    for (let k = this.begin[word]; k < this.end[word]; k++) if (Math.abs(this.change[k]) > Math.abs(best)) best = this.change[k];
    return best;
  }
  /** The characters of the flow as a range of the text after, or null where none is in it. */
  toAfter(from, to) {
    let low = -1, high = -1;
    for (let k = from; k < to; k++) {
      if (this.after_of[k] < 0) continue;
      if (low < 0) low = this.after_of[k];
      high = this.after_of[k] + 1;
    }
    return low < 0 ? null : [low, high];
  }
  /** A range of the text after as ranges of the flow. */
  toFlow([from, to]) {
    const found = [];
    for (let k = this.placeOf(from); k < this.n && this.after_of[k] < to; k++) {
      if (this.after_of[k] < 0) continue;
      const last = found[found.length - 1];
      if (last !== undefined && last[1] === k) last[1] = k + 1;
      else found.push([k, k + 1]);
    }
    return found;
  }
  placeOf(character) {
    // The places rise where they are not -1.
    this.known ??= Int32Array.from([...this.after_of.keys()].filter(k => this.after_of[k] >= 0));
    return this.known[clamp(character, 0, this.known.length - 1)];
  }
  /** The most probable listed span that holds a word of the text after, or null. */
  bestWith(word) {
    const from = this.begin[word];
    return this.spans.find(({ after, ranges }) => after !== null && ranges.some(([a, b]) => a <= from && from < b)) ?? null;
  }
  /** Whether a span holds characters of one kind. */
  holds({ ranges }, kind) {
    return ranges.some(([a, b]) => {
      for (let k = lastAtMost(this.starts, a); k < this.stretches.length && this.starts[k] < b; k++) {
        if (this.stretches[k][0] === kind) return true;
      }
      return false;
    });
  }
  rowOf(selected) {
    return this.spans.find(({ after }) => after !== null && after.join() === selected.join()) ?? null;
  }
}

function explore(ui) {
  const live = ui.get("view").live && !ui.still;
  const state = { ui, data: new Comparison(ui), hover: null, select: range => ui.set("selected", range) };
  const keep = () => ui.button("Compare with this from now on", () => ui.send({ do: "keep" }), { small: true });
  const restore = ui.button("Back to the text before", () => ui.send({ do: "restore" }), { small: true });
  const head = h("div", {}), texts = h("section", { class: "ql-flow" }), spans = h("section", {}), note = h("p", { class: "ql-note" });
  const strip = stripOf(state), line = lineOf(state);
  // Without fields the text can still change, set from Python, and be what is compared with.
  const fields = live && editor(ui, [restore, keep()]), below = live && h("div", { class: "ql-bar" }, keep());
  append(ui.root, [
    fields,
    head,
    h("section", {}, strip.heading, line.el, strip.el),
    texts, spans, note, below,
  ]);
  const allow = () => {
    fields.hidden = !ui.get("editable");
    below.hidden = !fields.hidden;
  };
  if (live) {
    ui.on("editable", allow);
    allow();
  }
  let drawing = null;
  ui.done(() => drawing?.abort());
  state.point = hover => {
    state.hover = hover;
    state.text.point();
    strip.point();
    line.show();
  };
  const mark = () => {
    state.text.mark();
    state.list.mark();
    strip.point();
    line.show();
  };
  const draw = () => {
    const old = drawing, focused = texts.contains(document.activeElement), scrolled = state.text?.prose.el.scrollTop ?? 0;
    drawing = new AbortController();
    state.hover = null;
    state.data = new Comparison(ui);
    const parts = new Ui(ui.model, h("div", {}), drawing.signal);
    parts.live = ui.live;
    fill(head, heads(state));
    state.text = textOf(state, parts);
    fill(texts, state.text.parts);
    state.list = listed(state, parts);
    fill(spans, state.list.parts);
    fill(note, apart(state.data));
    old?.abort();
    strip.fit();
    mark();
    state.text.prose.el.scrollTop = scrolled;
    if (focused) state.text.prose.el.focus();
    return state.data;
  };
  draw();
  ui.on("picture", () => {
    const { sides } = draw();
    ui.say(`${state.data.became}: ${sides.map(spoken).join(", now ")}`);
  });
  ui.on("selected", () => {
    mark();
    const selected = ui.get("selected");
    if (Array.isArray(selected)) {
      const word = Math.max(0, state.data.wordAt(state.data.placeOf(selected[0])));
      state.text.prose.reveal(word);
      strip.include(state.data.placeOf(selected[0]));
      ui.say(line.words());
    }
  });
  ui.frame(() => strip.fit())();
}

// --- both decisions ---------------------------------------------------------------------------------------------------

function spoken({ answer, none }) {
  return answer === null ? `no answer, ${fmt.percent(none)}` : `${answer.text}, ${fmt.percent(answer.p)}`;
}

function heads({ data }) {
  const [one, other] = data.sides;
  const asked = one.question === other.question;
  const sides = data.sides.map((side, k) => decisionOf(side, data.labels[k], { asked: !asked, model: one.model !== other.model && data.labels[k] !== side.model }));
  const change = h("div", { class: "ql-delta" },
    h("span", { class: "ql-side-name" }, "P(no answer)"),
    h("span", { class: "ql-big" }, points(data.none)),
    h("small", {}, `${fmt.percent(one.none)} → ${fmt.percent(other.none)}`));
  return [
    asked && h("header", { class: "ql-head ql-asked" }, said(one.question, { class: "ql-question" }), h("span", { class: "ql-became" }, data.became)),
    !asked && h("header", { class: "ql-head ql-asked" }, h("span", { class: "ql-question" }, "Two questions"), h("span", { class: "ql-became" }, data.became)),
    h("div", { class: "ql-sides" }, sides[0], h("span", { class: "ql-arrow", "aria-hidden": "true" }, "→"), sides[1], change),
  ];
}

/** A change of a probability in points of a hundred. */
function points(x) {
  const said = fmt.signed(100 * x, 1);
  return said === "0.0" ? "±0" : `${said} points`;
}

function decisionOf(side, name, { asked, model }) {
  const answered = side.answer !== null;
  return h("div", { class: "ql-side" },
    h("span", { class: "ql-side-name" }, said(name), model && side.model !== null && [" · ", said(side.model)]),
    asked && h("p", { class: "ql-soft" }, said(side.question)),
    h("p", { class: "ql-said" },
      h("strong", {}, answered ? said(side.answer.text) : "no answer"), " ",
      h("span", { class: answered ? "ql-sure" : "ql-sure ql-none" }, fmt.percent(answered ? side.answer.p : side.none))),
    h("small", { class: "ql-soft", title: side.sentence }, side.margin === null ? side.sentence
      : `margin ${fmt.logit(side.margin)} ${side.margin > (side.threshold ?? Infinity) ? ">" : "≤"} ${side.threshold === null ? "threshold" : fmt.logit(side.threshold)}`));
}

function apart(data) {
  const [one, other] = data.labels;
  const parts = [
    h("b", {}, `The two distributions are ${data.distance.toFixed(2)} of 1 apart`), " (Jensen–Shannon distance).",
  ];
  if (data.stretches.some(([kind]) => kind !== "kept")) {
    parts.push(` Of the probability before, ${fmt.percent(data.gone)} was on spans that are gone; of that after, ${fmt.percent(data.new)} is on new ones.`);
  }
  return [...parts, ` All changes are `, said(other), ` − `, said(one), `.`];
}

// --- the text ---------------------------------------------------------------------------------------------------------

function textOf(state, ui) {
  const { data } = state;
  const values = Float32Array.from(data.begin, (_, word) => data.changeOf(word));
  const most = scaleFor(data.most);
  const prose = new Prose(ui, {
    text: data.flow, begin: data.begin, end: data.end, tall: 300,
    label: "Both texts in one, word by word. Arrows move, Enter selects the best span with a word.",
    describe: word => factsOf(state, word).join("; "),
    hover: word => state.point?.(word === null ? null : { word }),
    move: word => state.follow?.(data.begin[word]),
    pick: (a, b) => {
      const range = a === b ? data.bestWith(a)?.after ?? data.toAfter(data.begin[a], data.end[a]) : data.toAfter(data.begin[a], data.end[b]);
      if (range !== null) state.select([...range]);
    },
    key: event => {
      if (event.key !== "Escape" || ui.get("selected") === null) return false;
      state.select(null);
      return true;
    },
  });
  const kinds = new Set(data.stretches.map(([kind]) => kind));
  prose.shade(values, { most, signed: true });
  for (const kind of ["gone", "new"]) prose.mark(kind, data.ranges(kind));
  const [was, is] = [0, 1].map(k => data.spans.find(({ answer }) => answer[k])?.ranges ?? []);
  prose.mark("was", was);
  prose.mark("best", is);
  prose.home = data.begin.findIndex((_, word) => Math.abs(values[word]) === data.most);
  const legend = h("div", { class: "ql-legend" },
    data.most >= 0.0005
      ? h("span", {}, `${MINUS}${most} `, h("i", { class: "ql-ramp ql-signed" }), ` +${most} probability of being in the answer`)
      : h("span", {}, "No character’s chances changed."),
    is.length > 0 && was.join() === is.join() && h("span", { class: "ql-mark-best" }, "answer of both"),
    is.length > 0 && was.join() !== is.join() && h("span", { class: "ql-mark-best" }, `answer ${data.labels[1] === "after" ? "after" : "of the second"}`),
    was.length > 0 && was.join() !== is.join() && h("span", { class: "ql-mark-was" }, `answer ${data.labels[0] === "before" ? "before" : "of the first"}`),
    kinds.has("gone") && h("span", { class: "ql-mark-gone" }, "gone"),
    kinds.has("new") && h("span", { class: "ql-mark-new" }, "new"));
  return {
    prose,
    parts: [h("div", { class: "ql-h" }, h("strong", {}, "Text"), edits(data)), prose.el, legend],
    mark() {
      const selected = ui.get("selected");
      prose.mark("selected", Array.isArray(selected) ? data.toFlow(selected) : []);
    },
    point() {
      const { hover } = state;
      prose.mark("pointed", hover === null ? [] : hover.row ? hover.row.ranges : [[data.begin[hover.word], data.end[hover.word]]]);
    },
  };
}

/** The end of a scale that holds this change. */
function scaleFor(most) {
  return [0.02, 0.05, 0.1, 0.2, 0.5, 1].find(end => most <= end) ?? 1;
}

function edits(data) {
  const [gone, fresh] = ["gone", "new"].map(kind => data.ranges(kind).reduce((sum, [a, b]) => sum + b - a, 0));
  return gone || fresh ? `${fmt.count(gone, "character")} gone, ${fmt.whole(fresh)} new` : "the same on both sides";
}

/** A word in words: a name, and what is to say of it. */
function factsOf({ data }, word) {
  const [from, to] = [data.begin[word], data.end[word]];
  const kind = data.kindAt(from);
  const [one, other] = [data.before, data.after].map(values => {
    let most = 0;
    for (let k = from; k < to; k++) most = Math.max(most, values[k] || 0);
    return fmt.probability(most);
  });
  const facts = kind === "gone" ? [`gone; was in the answer ${one}`]
    : kind === "new" ? [`new; in the answer ${other}`]
      : [`in the answer ${one} → ${other}`, `change ${fmt.signed(data.changeOf(word), 3)}`];
  return [`“${cut(data.flow.slice(from, to), 40)}”`, ...facts];
}

function rowFacts({ data }, row) {
  const [one, other] = row.p;
  if (one === null) return [`“${cut(row.text, 70)}”`, `only ${data.labels[1]}: P ${fmt.probability(other)}`];
  if (other === null) return [`“${cut(row.text, 70)}”`, `only ${data.labels[0]}: P ${fmt.probability(one)}`];
  return [`“${cut(row.text, 70)}”`, `P ${fmt.probability(one)} → ${fmt.probability(other)}`, `change ${fmt.signed(other - one, 3)}`];
}

/** A text on one line, its end left out where it is long, never within what is seen as one character. */
function cut(text, most) {
  const line = text.replace(/\s+/g, " ").trim();
  if (line.length <= most) return line;
  const words = new Words(line.slice(0, most + 60));
  let end = most;
  while (end > 0 && !words.whole(end)) end -= 1;
  return `${line.slice(0, end)}…`;
}

/** One line of facts: of what is pointed at, else of what is selected, else how to begin. */
function lineOf(state) {
  const el = h("div", { class: "ql-readout" });
  const facts = () => {
    const { hover, data } = state, selected = state.ui.get("selected");
    if (hover !== null) return hover.row ? rowFacts(state, hover.row) : factsOf(state, hover.word);
    if (!Array.isArray(selected)) return null;
    const row = data.rowOf(selected);
    if (row !== null) return rowFacts(state, row);
    const stretch = data.toFlow(selected).map(([a, b]) => data.flow.slice(a, b)).join("");
    return [`“${cut(stretch, 70)}”`, "is none of the most probable spans"];
  };
  return {
    el,
    words: () => (facts() ?? ["nothing is selected"]).join(", "),
    show() {
      const [name, ...rest] = facts() ?? [];
      if (name === undefined) fill(el, "Point at a word to see what became of it; click to select its best span, or drag over several words.");
      else fill(el, h("b", {}, said(name)), rest.map(part => [" · ", part]));
    },
  };
}

// --- the strip --------------------------------------------------------------------------------------------------------

function stripOf(state) {
  const { ui } = state;
  const { words, name, high, change, gap } = LANES;
  const top = [words + name, words + 2 * name + high + gap];
  const zero = top[1] + high + gap + name + change, height = zero + change + 4;
  const shown = { from: 0, to: 0 };
  const axis = width => new TokenAxis(shown.from, shown.to, width - 2, { left: MARGIN, widest: 14 });
  const main = ui.canvas({
    label: "", height,
    paint(context, width, _, colours) {
      const { data } = state, a = axis(width);
      paintLabels(context, a, data, { y: 6, bottom: zero + change, colours, width });
      const most = scaleFor(Math.max(largestIn(data.before, shown), largestIn(data.after, shown)));
      [data.before, data.after].forEach((values, k) => {
        write(context, isolated(data.labels[k]), width - 2, top[k] - 7, colours.soft, "right");
        write(context, String(most), a.left - 6, top[k] + 5, colours.soft, "right");
        paintMissing(context, a, values, { top: top[k], high, colours });
        paintLevel(context, a, values, { y: top[k] + high, high, most, fill: colours.pale, line: colours.blue });
        context.fillStyle = colours.rule;
        context.fillRect(a.left, top[k] + high, a.right - a.left, 1);
      });
      const end = scaleFor(largestIn(data.change, shown));
      write(context, "change", width - 2, zero - change - 7, colours.soft, "right");
      write(context, `+${end}`, a.left - 6, zero - change + 5, colours.soft, "right");
      write(context, "0", a.left - 6, zero, colours.soft, "right");
      write(context, `${MINUS}${end}`, a.left - 6, zero + change - 5, colours.soft, "right");
      paintChange(context, a, data.change, { zero, high: change, most: end, colours });
    },
  });
  const over = ui.canvas({
    label: "", height,
    paint(context, width, _, colours) {
      const { data, hover } = state, a = axis(width), selected = ui.get("selected");
      const lanes = { top: words, bottom: zero + change };
      if (Array.isArray(selected)) data.toFlow(selected).forEach(range => frameRange(context, a, range, { ...lanes, colour: colours.ink, filled: false }));
      if (hover === null) return;
      const ranges = hover.row ? hover.row.ranges : [[data.begin[hover.word], data.end[hover.word]]];
      ranges.forEach(range => frameRange(context, a, range, { ...lanes, colour: colours.soft, filled: true }));
    },
  });
  over.el.setAttribute("aria-hidden", "true");
  over.el.classList.add("ql-over");
  const whole = wholeOf(state, shown, () => {
    main.draw();
    over.draw();
  });
  const wordAt = event => {
    const place = axis(main.width).at(pointer(event, main.el)[0]);
    return place < 0 ? -1 : state.data.wordAt(place);
  };
  ui.listen(over.el, "pointermove", event => {
    const word = wordAt(event);
    state.point(word < 0 ? null : { word });
  });
  ui.listen(over.el, "pointerleave", () => state.point(null));
  ui.listen(over.el, "click", event => {
    const word = wordAt(event);
    if (word < 0) return;
    state.text.prose.reveal(word);
    state.text.prose.pick(word, word);
  });
  state.follow = place => whole.include(place);
  return {
    heading: h("div", { class: "ql-h" }, h("strong", {}, "Probability of being in the answer"), "character by character; ",
      h("span", {}, h("i", { class: "ql-swatch" }), " more ", h("i", { class: "ql-swatch ql-none" }), " less")),
    el: h("div", {}, whole.el, h("div", { class: "ql-stack" }, main.el, over.el)),
    point: () => over.draw(),
    include: place => whole.include(place),
    fit() {
      whole.fit();
      main.el.setAttribute("aria-label", `Probability of each of ${fmt.count(state.data.n, "character")} to be in the answer: ` +
        `${state.data.labels.join(", ")}, and the change. All of it can be read word by word in the text below.`);
      main.draw();
      over.draw();
    },
  };
}

function largestIn(values, { from, to }) {
  let most = 0;
  for (let k = from; k < to; k++) if (Math.abs(values[k]) > most) most = Math.abs(values[k]);
  return most;
}

function write(context, text, x, y, colour, align = "left") {
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

/** Text without controls of the writing direction, for canvases. */
function isolated(text) {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** Some words over the strip: first those that changed most, then as many of the others as fit. */
function paintLabels(context, axis, data, { y, bottom, colours, width }) {
  const first = Math.max(0, lastAtMost(data.begin, axis.from));
  const inside = [];
  for (let word = first; word < data.begin.length && data.begin[word] < axis.to; word++) {
    if (data.begin[word] >= axis.from && /[\p{L}\p{N}]/u.test(data.flow.slice(data.begin[word], data.end[word]))) inside.push(word);
  }
  const size = new Map(inside.map(word => [word, Math.round(100 * Math.abs(data.changeOf(word))) / 100]));
  const taken = [];
  for (const word of [...inside].sort((a, b) => size.get(b) - size.get(a) || a - b)) {
    const text = isolated(cut(data.flow.slice(data.begin[word], data.end[word]), 18));
    const x = axis.x(data.begin[word]), wide = context.measureText(text).width;
    if (x + wide > width || taken.some(([a, b]) => x < b + 12 && x + wide + 12 > a)) continue;
    taken.push([x, x + wide]);
    const strong = size.get(word) > 0.1 * data.most && size.get(word) >= 0.01;
    context.fillStyle = colours.rule;
    if (strong) context.fillRect(x, y + 8, 1, bottom - y - 8);
    write(context, text, x, y, strong ? colours.ink : colours.soft);
  }
}

/** Where a text does not have the characters: grey. */
function paintMissing(context, axis, values, { top, high, colours }) {
  context.fillStyle = colours.field;
  for (let k = axis.from; k < axis.to;) {
    if (!Number.isNaN(values[k])) {
      k += 1;
      continue;
    }
    const from = k;
    while (k < axis.to && Number.isNaN(values[k])) k += 1;
    context.fillRect(axis.x(from), top, axis.x(k) - axis.x(from), high);
  }
}

/** A level over the characters, filled down to its line of zero, with its upper edge. */
function paintLevel(context, axis, values, { y, high, most, fill: below, line }) {
  const size = k => (high * clamp(values[k] || 0, 0, most)) / most;
  for (const [from, to] of runsOf(axis, k => size(k) >= 0.2)) {
    steps(context, axis, from, to, k => y - size(k), y);
    context.fillStyle = below;
    context.fill();
    steps(context, axis, from, to, k => y - size(k), null);
    context.strokeStyle = line;
    context.lineWidth = 1.6;
    context.stroke();
    context.lineWidth = 1;
  }
}

function paintChange(context, axis, values, { zero, high, most, colours }) {
  for (const [sign, colour] of [[1, colours.blue], [-1, colours.orange]]) {
    const size = k => (high * clamp(sign * values[k], 0, most)) / most;
    context.fillStyle = colour;
    for (const [from, to] of runsOf(axis, k => size(k) >= 0.2)) {
      steps(context, axis, from, to, k => zero - sign * size(k), zero);
      context.fill();
    }
  }
  context.fillStyle = colours.soft;
  context.fillRect(axis.left, zero - 0.5, axis.right - axis.left, 1);
}

/** Runs of characters of an axis for which something holds. */
function runsOf(axis, holds) {
  const runs = [];
  for (let k = axis.from; k < axis.to; k++) {
    if (!holds(k)) continue;
    const from = k;
    while (k < axis.to && holds(k)) k += 1;
    runs.push([from, k]);
  }
  return runs;
}

/** A path of steps over some characters; closed along a line, or open where that is null. */
function steps(context, axis, from, to, level, line) {
  context.beginPath();
  if (line !== null) context.moveTo(axis.x(from), line);
  for (let k = from; k < to; k++) {
    context.lineTo(axis.x(k), level(k));
    context.lineTo(axis.x(k + 1), level(k));
  }
  if (line !== null) context.lineTo(axis.x(to), line);
}

function frameRange(context, axis, [from, to], { top, bottom, colour, filled }) {
  const left = Math.max(axis.left, axis.x(from)), right = Math.min(axis.right, axis.x(to));
  if (right <= left) return;
  context.globalAlpha = filled ? 0.16 : 1;
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 1.5;
  if (filled) context.fillRect(left, top, right - left, bottom - top);
  else context.strokeRect(left, top, right - left, bottom - top);
  context.globalAlpha = 1;
  context.lineWidth = 1;
}

/** The whole of a long text as a strip, with a frame around what is drawn large. */
function wholeOf(state, shown, moved) {
  const { ui } = state;
  let size = 0;
  const put = from => {
    const { n } = state.data;
    size = Math.min(STRETCH, n);
    shown.from = Math.round(clamp(from, 0, n - size));
    shown.to = shown.from + size;
    slider.thumb.style.setProperty("--wide", `${(100 * size) / Math.max(1, n)}%`);
  };
  const slider = ui.slider({
    label: "Part of the text that is drawn", min: 0, max: 1, step: 1, page: STRETCH, value: 0,
    share: () => size / Math.max(1, state.data.n),
    text: from => `characters ${fmt.whole(from + 1)} to ${fmt.whole(from + size)} of ${fmt.whole(state.data.n)}`,
    input: from => {
      put(from);
      moved();
    },
  });
  slider.el.classList.add("ql-frame");
  const picture = ui.canvas({
    label: "", height: 26,
    paint(context, width, high, colours) {
      const { data } = state, bins = Math.max(1, Math.floor(width / 3));
      const up = new Float32Array(bins), down = new Float32Array(bins);
      data.change.forEach((x, k) => {
        const bin = Math.floor((bins * k) / data.n);
        if (x > up[bin]) up[bin] = x;
        if (-x > down[bin]) down[bin] = -x;
      });
      context.fillStyle = colours.field;
      context.fillRect(0, 0, width, high);
      for (const [values, hue, y] of [[up, colours.blue, 0], [down, colours.orange, high / 2]]) {
        values.forEach((x, bin) => {
          const depth = logShare(x, 3);
          if (depth < 0.04) return;
          context.fillStyle = mix(colours.field, hue, depth);
          context.fillRect((width * bin) / bins, y, width / bins, high / 2);
        });
      }
    },
  });
  picture.el.setAttribute("aria-hidden", "true");
  slider.track.append(picture.el);
  const words = h("span", {});
  const el = h("div", { class: "ql-whole", hidden: true }, h("div", { class: "ql-h" }, words), slider.el);
  const include = place => {
    if (place < shown.from || place >= shown.to) put(place - size / 2);
    slider.set(shown.from);
    moved();
  };
  return {
    el, include,
    /** Make the frame fit another text, and look at where most changed. */
    fit() {
      const { data } = state, was = shown.from, n = data.n;
      put(was);
      el.hidden = n <= STRETCH;
      fill(words, `Both texts: ${fmt.count(n, "character")}`);
      slider.limit(0, Math.max(1, n - size));
      const most = data.change.findIndex(x => Math.abs(x) === data.most);
      include(data.most > 0 ? most : was);
      picture.draw();
    },
  };
}

// --- both distributions -----------------------------------------------------------------------------------------------

function listed(state, ui) {
  const { data } = state;
  // The first ones always, others only where there is something to see.
  const shown = data.spans.slice(0, LISTED).filter(({ p }, k) => k < 3 || Math.max(...p) >= 0.001);
  const rows = shown.map(row => {
    const facts = rowFacts(state, row);
    const el = h("div", { class: "ql-row", role: "option", tabindex: -1, "aria-selected": "false", "aria-label": facts.join(", ") },
      h("span", { class: row.answer.includes(true) ? "ql-taken" : null }, said(row.text, { class: data.holds(row, "gone") ? "ql-mark-gone" : null })),
      ...columnsOf(row.p, "", data.holds(row, "gone") ? "gone" : data.holds(row, "new") ? "new" : "–"));
    const take = () => row.after !== null && state.select([...row.after]);
    ui.listen(el, "click", take);
    ui.listen(el, "pointerenter", () => state.point({ row }));
    ui.listen(el, "pointerleave", () => state.point(null));
    return { el, row, take };
  });
  const none = h("div", { class: "ql-row ql-none-row" }, h("span", {}, "no answer"), ...columnsOf(data.sides.map(side => side.none), "ql-none"));
  const list = h("div", { role: "listbox", "aria-label": "The best spans of both" }, rows.map(({ el }) => el));
  ui.rove(list, () => rows.map(({ el }) => el), { move: k => state.point({ row: rows[k].row }), press: k => rows[k].take() });
  const header = h("div", { class: "ql-row ql-columns-of", "aria-hidden": "true" },
    h("span", {}, "span"), h("span", {}), ...data.labels.map((name, k) => h("span", {}, name.length <= 9 ? said(name) : h("i", { class: k === 0 ? "ql-ring" : "ql-dot" }))), h("span", {}, "change"));
  const mark = () => {
    const selected = ui.get("selected");
    let stop = 0;
    rows.forEach(({ el, row }, k) => {
      const on = Array.isArray(selected) && row.after !== null && row.after.join() === selected.join();
      el.setAttribute("aria-selected", String(on));
      if (on) stop = k;
    });
    rows.forEach(({ el }, k) => { el.tabIndex = k === stop ? 0 : -1; });
  };
  return {
    mark,
    parts: [
      h("div", { class: "ql-h" }, h("strong", {}, "Both distributions"), h("span", {}, "the best spans of either; ",
        h("i", { class: "ql-ring" }), " ", said(data.labels[0]), " ", h("i", { class: "ql-dot" }), " ", said(data.labels[1]))),
      h("div", { class: "ql-list ql-pairs" }, header, none, list),
    ],
  };
}

/** A track from 0 to 1 with a ring where a probability was and a dot where it is, and the numbers. */
function columnsOf([one, other], kind = "", alone = "–") {
  const track = h("span", { class: `ql-pair ${kind}`, "aria-hidden": "true" });
  if (one !== null && other !== null) {
    const way = h("b", { class: other < one ? "ql-falls" : "ql-rises" });
    way.style.setProperty("--from", `${100 * Math.min(one, other)}%`);
    way.style.setProperty("--wide", `${100 * Math.abs(other - one)}%`);
    track.append(way);
  }
  for (const [p, name] of [[one, "ql-ring"], [other, "ql-dot"]]) {
    if (p === null) continue;
    const point = h("i", { class: name });
    point.style.setProperty("--at", `${100 * p}%`);
    track.append(point);
  }
  const change = one === null || other === null ? alone : fmt.signed(other - one, 3);
  return [track, h("span", {}, fmt.probability(one)), h("span", {}, fmt.probability(other)), h("span", {}, change)];
}
