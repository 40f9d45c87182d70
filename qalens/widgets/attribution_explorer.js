// Why: question and text coloured by what each word contributes to one number of the reading.

const TARGETS = [["answer", "answer"], ["start", "start"], ["end", "end"], ["no_answer", "no answer"], ["null_score", "null score"], ["contrast", "contrast"]];
const ABOUT_NO_SPAN = { no_answer: "why there is an answer, or none", null_score: "why no answer has the score it has" };
const METHODS = [
  ["integrated_gradients", "integrated gradients"], ["input_x_gradient", "input × gradient"],
  ["occlusion", "occlusion"], ["shapley", "Shapley values"],
];
const BASELINES = [["pad", "padding"], ["mask", "mask"], ["mean", "mean"], ["zero", "zero"]];

/** Text whose tokens say their value to those who do not see it. */
class ValuedText extends Prose {
  _paintPiece(piece, p) {
    super._paintPiece(piece, p);
    if (this.first[p] < 0 || this.values === null || piece.qlSaid === this.values) return;
    piece.qlSaid = this.values;
    piece.setAttribute("aria-label", this.describe(this.first[p]));
  }
}

/** Several sets of characters are the same: two pairs, or none. */
function sameSide(a, b) {
  return a.length === b.length && a.every((place, k) => place === b[k]);
}

/** What is explained, and the picture of it. */
class Why {
  constructor(ui) {
    this.ui = ui;
    this.view = ui.get("view");
    const places = ui.ints("places");
    this.holders = ui.ints("holders");
    const n = places.length / 2;
    this.begin = Int32Array.from({ length: n }, (_, t) => places[2 * t]);
    this.end = Int32Array.from({ length: n }, (_, t) => places[2 * t + 1]);
    this.live = ui.get("live") && !ui.still;
    this.side = "span"; // which side of a contrast the next span becomes
  }
  get found() {
    return this.ui.get("found");
  }
  /** The entry that is drawn, or null. */
  get entry() {
    return this.found[this.ui.get("shown")] ?? null;
  }
  /** The characters of a side as they are asked for: a pair, or nothing for no answer. */
  asked(name) {
    return this.ui.get(name) ?? (name === "span" ? this.view.best ?? [] : []);
  }
  /** Where the outcome of the choice is among those that were computed, or -1; of several the one that is drawn. */
  place() {
    const target = this.ui.get("target"), method = this.ui.get("method"), baseline = this.ui.get("baseline");
    const span = target in ABOUT_NO_SPAN ? [] : this.asked("span");
    const rival = target === "contrast" ? this.asked("rival") : [];
    const fits = entry => entry.target === target && entry.method === method && sameSide(entry.span, span)
      && sameSide(entry.rival, rival) && (baseline === null || entry.baseline === null || entry.baseline === baseline);
    return fits(this.entry ?? {}) ? this.ui.get("shown") : this.found.findIndex(fits);
  }
  /** Choose something: traits by name. Python computes what is not there yet. */
  choose(traits) {
    for (const [name, value] of Object.entries(traits)) this.ui.model.set(name, value);
    const place = this.place();
    if (place >= 0) this.ui.model.set("shown", place);
    this.ui.model.save_changes();
  }
  /** Show one of those that were computed. */
  turn(place) {
    const entry = this.found[place];
    this.choose({
      shown: place, target: entry.target, method: entry.method, baseline: entry.baseline,
      span: entry.target in ABOUT_NO_SPAN ? null : entry.span, rival: entry.target === "contrast" ? entry.rival : null,
    });
  }
  /** The text of a side, short. */
  quoted(side) {
    if (side.length === 0) return "no answer";
    const listed = this.view.spans.find(one => sameSide(one.span, side));
    if (listed !== undefined) return ["“", said(listed.text), "”"];
    const text = new Words(this.view.context).slice(...side);
    return ["“", said(text.length > 80 ? `${text.slice(0, 80)}…` : text), "”"];
  }
  /** A span from the text or the list becomes what is explained. */
  take(span) {
    const target = this.ui.get("target");
    if (target !== "contrast") {
      this.choose({ target: target in ABOUT_NO_SPAN ? "answer" : target, span });
      return;
    }
    const side = this.side;
    this.side = side === "span" ? "rival" : "span";
    this.choose({ [side]: span });
  }
  /** The span of a run of tokens; of a single token the best span with it, then the token itself. */
  spanOf(first, last) {
    if (first !== last) return [this.begin[first], this.end[last]];
    const best = [this.begin[this.holders[2 * first]], this.end[this.holders[2 * first + 1]]];
    const now = this.ui.get("target") === "contrast" ? this.side : "span";
    return sameSide(best, this.asked(now)) ? [this.begin[first], this.end[first]] : best;
  }
}

function explore(ui) {
  const why = new Why(ui);
  const place = h("div", {}), head = h("div", {});
  const texts = passages(why), picker = spanList(why), controls = choices(why), work = worker(ui, { live: why.live, missing: () => why.place() < 0, label: "Explain" });
  append(ui.root, [head, controls.el, work.el, texts.el, place, picker.el]);

  const show = () => {
    fill(head, heading(why));
    const parts = why.entry === null ? [] : [evidence(why, texts), computed(why)];
    fill(place, parts);
    texts.show();
    controls.show();
    picker.show();
    work.show();
  };
  const follow = () => {
    const at = why.place();
    if (at >= 0 && at !== ui.get("shown")) ui.set("shown", at);
    texts.mark();
    controls.show();
    picker.show();
    work.show();
  };
  for (const name of ["target", "span", "rival", "method", "baseline"]) ui.on(name, follow);
  ui.on("found", follow);
  ui.on("shown", () => {
    show();
    ui.say(why.entry === null ? "" : `${why.entry.words}: ${fmt.logit(why.entry.amount)} logits`);
  });
  ui.on("unit", () => {
    texts.show();
    controls.show();
  });
  ui.on("status", work.show);
  show();
}

// --- what is explained ------------------------------------------------------------------------------------------------

function heading(why) {
  const { view, entry } = why;
  const header = (left, right) => h("header", { class: "ql-head" },
    h("div", { class: "ql-question" }, left), " ", h("div", { class: "ql-verdict" }, right));
  if (entry === null) {
    const answered = view.answer !== null;
    return header("Why did the model say this?", [
      h("strong", {}, answered ? said(view.answer) : "no answer"), " ",
      h("span", { class: answered ? "ql-sure" : "ql-sure ql-none" }, fmt.percent(answered ? view.probability : view.none)),
    ]);
  }
  const what = entry.target === "contrast" ? "What speaks for " : "What speaks for the ";
  return [
    header([what, quotations(entry.words)], [h("strong", {}, fmt.logit(entry.amount)), " logits"]),
    h("p", { class: "ql-note ql-how" }, [entry.how, entry.model, entry.note].filter(Boolean).join(" · ")),
    entry.warnings.map(words => h("p", { class: "ql-warning", role: "note" }, h("strong", {}, "⚠ Take care. "), words)),
  ];
}

/** Target, method and baseline; only with a reader, since without one there is nothing to compute. */
function choices(why) {
  const { ui } = why;
  if (!why.live) return { el: null, show() {} };
  const target = ui.choice({
    label: "What is explained", options: TARGETS, value: ui.get("target"), change: value => why.choose({ target: value }),
  });
  const method = ui.choice({
    label: "Method", options: METHODS, value: ui.get("method"), change: value => why.choose({ method: value }),
  });
  const baseline = ui.choice({
    label: "Baseline", options: BASELINES, value: ui.get("baseline") ?? "pad", change: value => why.choose({ baseline: value }),
  });
  const row = (name, part) => h("div", { class: "ql-control" }, h("span", { class: "ql-soft" }, name), part);
  const below = row("against", baseline.el), sides = h("div", { class: "ql-sides" });
  const el = h("section", { class: "ql-controls", role: "group", "aria-label": "What is explained, and how" },
    row("explain", target.el), sides, row("by", method.el), below);
  const show = () => {
    target.set(ui.get("target"));
    method.set(ui.get("method"));
    baseline.set(ui.get("baseline") ?? "pad");
    below.hidden = ui.get("method") === "input_x_gradient";
    const held = sides.contains(document.activeElement);
    fill(sides, sidesOf(why, show));
    if (held) sides.querySelector("[aria-pressed=true]")?.focus();
  };
  return { el, show };
}

/** What the target is about, in words; of a contrast both sides, of which one takes the next span that is picked. */
function sidesOf(why, show) {
  const { ui } = why;
  const target = ui.get("target");
  if (target in ABOUT_NO_SPAN) return h("span", { class: "ql-soft" }, ABOUT_NO_SPAN[target]);
  if (target !== "contrast") return ["of ", why.quoted(why.asked("span"))];
  const side = name => ui.button(why.quoted(why.asked(name)), () => {
    why.side = name;
    show();
  }, { pressed: why.side === name, small: true });
  return [
    side("span"), " over ", side("rival"), " ",
    ui.button("swap", () => why.choose({ span: why.asked("rival"), rival: why.asked("span") }), { small: true, name: "Swap both sides" }),
    " ", h("span", { class: "ql-soft" }, "the next span that you pick becomes the pressed one"),
  ];
}

// --- question and text ------------------------------------------------------------------------------------------------

function passages(why) {
  const { ui, view } = why;
  const line = h("p", { class: "ql-readout" });
  const sides = {};
  const value = (side, t) => {
    const part = why.entry?.[side];
    const k = t - (part?.first ?? 0);
    return part === undefined || k < 0 || k >= part.value.length ? null : k;
  };
  /** The tokens of the same word: first and last. */
  const wordOf = (side, t) => {
    const part = why.entry[side], k = value(side, t);
    if (k === null || part.word[k] < 0) return [t, t];
    let a = k, b = k;
    while (a > 0 && part.word[a - 1] === part.word[k]) a -= 1;
    while (b + 1 < part.word.length && part.word[b + 1] === part.word[k]) b += 1;
    return [a + part.first, b + part.first];
  };
  const describe = side => t => {
    const { words, begin, end } = sides[side].prose;
    const text = (a, b) => words.slice(begin[a], end[b]);
    if (why.entry === null) return text(t, t);
    const k = value(side, t), part = why.entry[side];
    if (k === null) return `${text(t, t)}, outside of the window`;
    const unit = ui.get("unit");
    if (unit === "token") return `${text(t, t)}, ${fmt.signed(part.value[k] ?? NaN, why.entry.digits.token)}`;
    const sum = part.word[k] < 0 ? part.value[k] : part.word_value[part.word[k]];
    return `${text(...wordOf(side, t))}, ${fmt.signed(sum ?? NaN, why.entry.digits.word)}`;
  };
  const hover = side => t => {
    if (t === null || why.entry === null) {
      sides[side].prose.mark("pointed", []);
      fill(line, hint(why));
      return;
    }
    const { prose } = sides[side], k = value(side, t);
    const [a, b] = ui.get("unit") === "word" && k !== null ? wordOf(side, t) : [t, t];
    prose.mark("pointed", [[prose.begin[a], prose.end[b]]]);
    fill(line, readoutOf(why, side, prose, t, a, b));
  };
  const pick = (first, last) => {
    if (why.live) why.take(why.spanOf(first, last));
  };
  sides.question = { prose: new ValuedText(ui, {
    text: view.question, begin: view.asked.begin, end: view.asked.end, label: "The question, word by word",
    describe: t => describe("question")(t), hover: t => hover("question")(t), tall: 120,
  }) };
  sides.context = { prose: new ValuedText(ui, {
    text: view.context, begin: why.begin, end: why.end, label: "The text, word by word",
    describe: t => describe("context")(t), hover: t => hover("context")(t), pick,
  }) };
  sides.question.prose.el.classList.add("ql-asked");
  const titles = { question: h("span", {}), context: h("span", {}) };
  const unit = ui.choice({
    label: "Values of", options: [["word", "by word"], ["token", "by token"]], value: ui.get("unit"),
    change: choice => ui.set("unit", choice),
  });
  const legend = h("div", { class: "ql-legend" });
  const part = (name, side, extra) => [
    h("div", { class: "ql-h" }, h("strong", {}, name), titles[side], extra), sides[side].prose.el,
  ];
  const el = h("section", { class: "ql-why" },
    part("Question", "question", h("span", { class: "ql-push" }, unit.el)), part("Text", "context"), legend, line);
  const mark = () => {
    const { entry } = why;
    const asked = ["span", "rival"].filter(name => !(ui.get("target") in ABOUT_NO_SPAN) && (name === "span" || ui.get("target") === "contrast"));
    const { prose } = sides.context;
    prose.mark("best", entry !== null && entry.span.length ? [entry.span] : []);
    prose.mark("rival", entry !== null && entry.rival.length ? [entry.rival] : []);
    const waiting = why.live && why.place() < 0;
    prose.mark("selected", waiting ? asked.map(name => why.asked(name)).filter(side => side.length) : []);
  };
  const show = () => {
    const { entry } = why;
    mark();
    unit.set(ui.get("unit"));
    for (const [side, { prose }] of Object.entries(sides)) {
      const values = valuesOf(why, side, prose.begin.length);
      prose.shade(values, { most: entry?.most[ui.get("unit")] || 1, signed: true });
      titles[side].textContent = entry === null ? "" : ` ${fmt.signed(sumOf(entry, side))} logits in sum`;
    }
    const { prose } = sides.context;
    prose.mark("unseen", entry === null ? [] : unseen(why));
    prose.home = firstToken(why);
    fill(legend, legendOf(why));
    fill(line, hint(why));
    ui.frame(() => prose.reveal(prose.home))();
  };
  return { el, show, mark, sides };
}

function sumOf(entry, side) {
  return entry.sums[side === "question" ? 0 : 1][1] ?? NaN;
}

/** The value of each token of a side by the unit that is chosen; 0 outside of the window. */
function valuesOf(why, side, n) {
  const values = new Float32Array(n), part = why.entry?.[side];
  if (part === undefined) return values;
  const byWord = why.ui.get("unit") === "word";
  part.value.forEach((own, k) => {
    values[part.first + k] = (byWord && part.word[k] >= 0 ? part.word_value[part.word[k]] : own) ?? 0;
  });
  return values;
}

/** The stretches of the text that the window does not see. */
function unseen(why) {
  const { first, value } = why.entry.context, last = first + value.length - 1;
  if (value.length === 0) return [];
  const length = why.end[why.end.length - 1];
  return [[0, why.begin[first]], [why.end[last], length]].filter(([a, b], k) => (k === 0 ? first > 0 : last + 1 < why.begin.length) && b > a);
}

/** Where the cursor starts: at the span that is explained, else at the strongest word of the text. */
function firstToken(why) {
  const { entry } = why;
  const place = entry?.span[0] ?? why.view.best?.[0];
  if (entry !== null && entry.span.length === 0) {
    const strongest = entry.strongest.find(one => one.where === "context");
    if (strongest !== undefined) return strongest.token;
  }
  return place === undefined ? 0 : Math.max(0, lastAtMost(why.begin, place));
}

/** One word in numbers: its value, that of its tokens, and its share. */
function readoutOf(why, side, prose, t, a, b) {
  const { entry } = why, part = entry[side], k = t - part.first;
  const text = (from, to) => said(prose.words.slice(prose.begin[from], prose.end[to]));
  if (k < 0 || k >= part.value.length) return ["“", text(t, t), "” is outside of the window that is explained"];
  if (why.ui.get("unit") === "token" || a === b) {
    const number = why.ui.get("unit") === "token" || part.word[k] < 0 ? part.value[k] : part.word_value[part.word[k]];
    return ["“", text(t, t), "” ", h("b", {}, fmt.signed(number ?? NaN, entry.digits.word)), " logits"];
  }
  const pieces = [];
  for (let p = a; p <= b && p < a + 8; p++) {
    pieces.push(p > a ? " · " : "", text(p, p), ` ${fmt.signed(part.value[p - part.first] ?? NaN, entry.digits.word)}`);
  }
  return [
    "“", text(a, b), "” ", h("b", {}, fmt.signed(part.word_value[part.word[k]] ?? NaN, entry.digits.word)), " logits = ",
    pieces, b >= a + 8 ? " · …" : "",
  ];
}

function hint(why) {
  if (why.entry === null) return why.live ? "Choose what to explain: a click on a word takes the best span with it, a drag takes exactly what you mark." : "";
  return why.live ? "Point at a word to see its value; click to explain the best span with it; drag to mark a span of your own." : "Point at a word to see its value.";
}

function legendOf(why) {
  const { entry, ui } = why;
  if (entry === null) return null;
  const unit = ui.get("unit"), most = entry.most[unit];
  if (!most) return "All values are 0, so nothing is coloured.";
  const digits = entry.digits[unit];
  return [
    h("span", {}, `${fmt.signed(-most, digits)} `, h("i", { class: "ql-ramp ql-signed" }), ` ${fmt.signed(most, digits)} logits ${unit === "word" ? "by word" : "by token"}`),
    h("span", {}, h("span", { class: "ql-against ql-sample" }, "speaks against"), " ", h("span", { class: "ql-for ql-sample" }, "speaks for")),
    entry.span.length ? h("span", { class: "ql-mark-best" }, entry.target === "contrast" ? "the one side" : "what is explained") : null,
    entry.rival.length ? h("span", { class: "ql-mark-rival" }, "the other side") : null,
    entry.context.value.length < why.begin.length ? h("span", { class: "ql-mark-unseen" }, "outside of the window") : null,
    entry.special.some(([, value]) => value !== 0) ? h("span", {}, "special tokens: ", entry.special.map(([token, value], k) => `${k ? " · " : ""}${token} ${fmt.signed(value ?? NaN, digits)}`)) : null,
  ];
}
