// One reading: its decision, its text, its tokens as starts and ends, and all its spans.

const GUTTER = 44; // pixels left of an axis, for its labels
const ROOM = 150; // tokens that one axis shows at a time
const LANE = 40; // pixels of the start lane, and of the end lane
const TAG = 22; // pixels of one named span between the lanes and the map
const WORD = 74; // pixels from one word over the axis to the next

/** Scores and probabilities of spans of tokens, from the logits of all windows; the same numbers as in Python. */
class Spans {
  constructor(ui) {
    const view = ui.get("view");
    const places = ui.ints("places"), chances = ui.floats("chances");
    const n = places.length / 2;
    this.n = n;
    this.view = view;
    this.longest = view.longest;
    this.begin = Int32Array.from({ length: n }, (_, t) => places[2 * t]);
    this.end = Int32Array.from({ length: n }, (_, t) => places[2 * t + 1]);
    this.within = chances.subarray(0, n);
    this.starts = chances.subarray(n, 2 * n);
    this.ends = chances.subarray(2 * n);
    this.logits = ui.floats("logits");
    let at = 0;
    this.windows = view.windows.map(([first, count]) => {
      const window = { first, last: first + count, start: at - first, end: at + count - first };
      at += 2 * count;
      return window;
    });
    this.total = view.log_total ?? Infinity;
    // Windows are sorted; for each token the first one that holds it.
    this.opening = new Int32Array(n);
    for (let w = this.windows.length - 1; w >= 0; w--) {
      this.opening.fill(w, this.windows[w].first, this.windows[w].last);
    }
  }
  /** The score of the span from token i to token j in the best window that holds both, and that window; or null. */
  score(i, j) {
    if (i < 0 || j >= this.n || j < i || j - i >= this.longest) return null;
    let best = null;
    for (let w = this.opening[i]; w < this.windows.length && this.windows[w].first <= i; w++) {
      const { last, start, end } = this.windows[w];
      if (j >= last) continue;
      const score = this.logits[start + i] + this.logits[end + j];
      if (best === null || score > best.score) best = { i, j, score, window: w };
    }
    return best;
  }
  /** P(span | answer) */
  given(span) {
    return Math.exp(span.score - this.total);
  }
  /** P(span), with no answer among the outcomes. */
  joint(span) {
    return Math.exp(span.score - this.view.log_normalizer);
  }
  /** Of the spans that start at a token and those that end there, the best. */
  bestOf(t) {
    let starting = null, ending = null;
    for (let k = 0; k < this.longest; k++) {
      const right = this.score(t, t + k), left = this.score(t - k, t);
      if (right !== null && (starting === null || right.score > starting.score)) starting = right;
      if (left !== null && (ending === null || left.score > ending.score)) ending = left;
    }
    return ending !== null && (starting === null || ending.score > starting.score) ? ending : starting;
  }
  /** The best span with exactly these characters; or null. */
  find(start, end) {
    let best = null;
    for (let i = this.tokenFrom(start); i < this.n && this.begin[i] <= start; i++) {
      if (this.begin[i] !== start) continue;
      for (let j = i; j < Math.min(this.n, i + this.longest) && this.begin[j] < end; j++) {
        if (this.end[j] !== end) continue;
        const span = this.score(i, j);
        if (span !== null && (best === null || span.score > best.score)) best = span;
      }
    }
    return best;
  }
  /** The first token that ends after a character. */
  tokenFrom(character) {
    return Math.min(this.n, lastAtMost(this.end, character) + 1);
  }
  characters(span) {
    return [this.begin[span.i], this.end[span.j]];
  }
  /** The largest logit of each token over the windows that hold it. */
  largest(which) {
    this.most ??= {};
    if (this.most[which] === undefined) {
      const most = new Float32Array(this.n).fill(-Infinity);
      for (const window of this.windows) {
        for (let t = window.first; t < window.last; t++) most[t] = Math.max(most[t], this.logits[window[which] + t]);
      }
      this.most[which] = most;
    }
    return this.most[which];
  }
}

function explore(ui) {
  const view = ui.get("view");
  const spans = new Spans(ui);
  const state = {
    ui, view, spans,
    hover: null, // {token} or {span}: what is pointed at
    share: () => (ui.get("given_answer") ? 1 : 1 - view.none),
    probability: span => (ui.get("given_answer") ? spans.given(span) : spans.joint(span)),
    chosen() {
      const range = ui.get("selected");
      return Array.isArray(range) ? { range, span: spans.find(...range) } : null;
    },
    select(span) {
      ui.set("selected", span === null ? null : spans.characters(span));
    },
  };
  append(ui.root, [head(view)]);
  if (spans.n === 0 || view.best === null) {
    append(ui.root, [
      h("section", {}, h("div", { class: "ql-text", dir: "auto", lang: "" }, view.context)),
      h("p", { class: "ql-note" }, view.sentence),
    ]);
    return;
  }
  const text = passage(state), axes = pictures(state, text.prose.words), list = ranking(state);
  const documents = documentList(state);
  const line = readout(state, text.prose.words);
  append(ui.root, [
    documents.el,
    h("section", {}, text.prose.el, text.legend),
    h("section", {}, axes.heading, line.el, axes.el),
    h("section", {}, ...list.parts),
    h("div", { class: "ql-columns" }, h("div", {}, whether(view), uncertainty(view)), classicScore(view)),
  ]);

  const point = hover => {
    state.hover = hover;
    text.point();
    axes.point();
    line.show();
  };
  state.point = point;
  state.follow = t => axes.include(t);
  state.reveal = t => text.prose.reveal(t);
  const follow = () => {
    text.mark();
    axes.point();
    list.mark();
    documents.mark();
    line.show();
    const chosen = state.chosen();
    if (chosen === null) return;
    const token = chosen.span?.i ?? spans.tokenFrom(chosen.range[0]);
    text.prose.reveal(token);
    axes.include(token);
  };
  ui.on("selected", () => {
    follow();
    ui.say(line.words());
  });
  const repaint = () => {
    text.shade();
    axes.draw();
    axes.name();
    line.show();
  };
  ui.on("given_answer", repaint);
  ui.on("scale", repaint);
  repaint();
  text.mark();
  const chosen = state.chosen();
  const first = chosen === null ? spans.find(...view.best.span)?.i ?? 0 : chosen.span?.i ?? 0;
  text.prose.home = first;
  axes.include(first);
  list.mark();
  documents.mark();
  // The text has its size only once it is on the page.
  ui.frame(() => text.prose.reveal(first))();
}

// --- the decision -----------------------------------------------------------------------------------------------------

function head(view) {
  const answered = view.answer !== null;
  return h("header", { class: "ql-head" },
    said(view.question, { class: "ql-question" }), " ",
    h("div", { class: "ql-verdict" },
      h("strong", {}, answered ? said(view.answer.text) : "no answer"), " ",
      h("span", { class: answered ? "ql-sure" : "ql-sure ql-none" }, fmt.percent(answered ? view.answer.p : view.none)), " ",
      h("small", {}, answered ? "probability of this span" : "probability of no answer")));
}

function whether(view) {
  return h("section", {},
    h("div", { class: "ql-h" }, h("strong", {}, "Is there an answer?")),
    h("p", {}, h("span", { class: "ql-big" }, fmt.percent(view.none)), " probability of no answer"),
    h("p", { class: "ql-note" }, view.sentence));
}

// --- the text ---------------------------------------------------------------------------------------------------------

function passage(state) {
  const { ui, view, spans } = state;
  const best = view.answer === null ? "rejected" : "best";
  const prose = new Prose(ui, {
    text: view.context, begin: spans.begin, end: spans.end, tall: 420,
    label: "The text, token by token. Arrows move, Enter selects the best span of a token.",
    describe: t => tokenWords(state, prose.words, t).join("; "),
    move: t => state.follow?.(t),
    hover: t => state.point?.(t === null ? null : { token: t }),
    pick: (a, b) => state.select(a === b ? spans.bestOf(a) : spans.score(a, b) ?? longSpan(spans, a, b)),
    key: event => {
      if (event.key !== "Escape" || ui.get("selected") === null) return false;
      state.select(null);
      return true;
    },
  });
  prose.mark(best, [view.best.span]);
  if (view.rival !== null) prose.mark("rival", [view.rival.span]);
  const ramp = h("span", {}, "0 ", h("i", { class: "ql-ramp" }), " 1 ");
  const meaning = h("span", {});
  const legend = h("div", { class: "ql-legend" },
    h("span", {}, ramp, meaning),
    h("span", { class: `ql-mark-${best}` }, view.answer === null ? "best span, rejected" : "answer"),
    view.rival !== null && h("span", { class: "ql-mark-rival" }, "strongest elsewhere"));
  const shaded = new Float32Array(spans.n);
  return {
    prose, legend,
    shade() {
      const share = state.share();
      for (let t = 0; t < spans.n; t++) shaded[t] = share * spans.within[t];
      prose.shade(shaded);
      fill(meaning, ui.get("given_answer") ? "probability of being in the answer, if there is one" : "probability of being in the answer");
    },
    mark() {
      const chosen = state.chosen();
      prose.mark("selected", chosen === null ? [] : [chosen.range]);
    },
    point() {
      const span = pointed(state);
      prose.mark("partner", span === null ? [] : [spans.characters(span)]);
    },
  };
}

/** A run of tokens that is no span of the distribution, since it is too long or no window holds it whole. */
function longSpan(spans, i, j) {
  return spans.end[j] > spans.begin[i] ? { i, j } : null;
}

/** The span under the pointer: a cell of the map, or the best span of a token. */
function pointed(state) {
  if (state.hover === null) return null;
  return state.hover.span ?? state.spans.bestOf(state.hover.token);
}

/** A token, or a span, in words: a name, and what is to say of it. */
function tokenWords(state, words, t) {
  const { spans, view } = state, share = state.share();
  const best = spans.bestOf(t);
  const name = words.slice(spans.begin[t], spans.end[t]).trim();
  const parts = [`“${short(name, 30)}”`, `in the answer ${fmt.probability(share * spans.within[t])}`];
  if (state.ui.get("scale") === "logits") {
    parts.push(`start ${fmt.logit(spans.largest("start")[t])}, end ${fmt.logit(spans.largest("end")[t])}`);
  } else {
    parts.push(`starts it ${fmt.probability(share * spans.starts[t])}, ends it ${fmt.probability(share * spans.ends[t])}`);
  }
  if (best !== null) {
    const partner = best.i === t ? best.j : best.i;
    const to = short(words.slice(spans.begin[partner], spans.end[partner]), 30);
    parts.push(partner === t ? "best alone" : partner > t ? `best end “${to}”` : `best start “${to}”`);
    parts.push(`that span ${fmt.probability(state.probability(best))}`);
  }
  return best === null ? parts : [...parts, ...sourceWords(view, spans.begin[t], best.window)];
}

function spanWords(state, words, range, span) {
  const [start, end] = range;
  const parts = [`“${short(words.slice(start, end), 60)}”`];
  if (span === null || span.score === undefined) {
    parts.push("is no span that the model can answer with");
  } else {
    const { start: from, end: to } = state.spans.windows[span.window];
    const a = state.spans.logits[from + span.i], b = state.spans.logits[to + span.j];
    parts.push(`P ${fmt.probability(state.spans.joint(span))}, ${fmt.probability(state.spans.given(span))} if there is an answer`);
    parts.push(`score ${fmt.logit(span.score)} = ${fmt.logit(a)} ${b < 0 ? MINUS : "+"} ${fmt.logit(Math.abs(b))}`);
    parts.push(...sourceWords(state.view, start, span.window));
  }
  parts.push(`characters ${fmt.whole(start)}–${fmt.whole(end)}`);
  return parts;
}

/** The document that a character stands in; null where there is only one text. */
function documentAt(view, character) {
  return view.documents === null ? null : view.documents.findLast(({ span }) => span[0] <= character);
}

/** Where a span comes from, in words: its document, or its window where there are several. */
function sourceWords(view, start, window) {
  const of = documentAt(view, start);
  if (of !== null) return [`in ${of.name}`];
  return view.windows.length > 1 ? [`window ${window + 1}`] : [];
}

/** A text on one line with its middle left out, cut between characters as seen. */
function short(text, most) {
  const line = text.replace(/\s+/g, " ").slice(0, 4000);
  if (line.length <= most && text.length <= 4000) return line;
  const words = new Words(line);
  let head = Math.min(most - 10, line.length), tail = Math.max(head, line.length - 9);
  while (head > 0 && !words.whole(head)) head -= 1;
  while (tail < line.length && !words.whole(tail)) tail += 1;
  return `${line.slice(0, head)}…${line.slice(tail)}`;
}

/** One line of facts: of what is pointed at, else of the selected span, else how to begin. */
function readout(state, words) {
  const el = h("div", { class: "ql-readout" });
  const facts = () => {
    const { hover, spans } = state;
    if (hover?.token !== undefined) return tokenWords(state, words, hover.token);
    if (hover?.span !== undefined) return spanWords(state, words, spans.characters(hover.span), hover.span);
    const chosen = state.chosen();
    return chosen === null ? null : spanWords(state, words, chosen.range, chosen.span);
  };
  return {
    el,
    words: () => (facts() ?? ["nothing is selected"]).join(", "),
    show() {
      const [name, ...rest] = facts() ?? [];
      if (name === undefined) fill(el, "Point at a word to see its best partner; click to select a span, or drag over several words.");
      else fill(el, h("b", {}, said(name)), rest.map(part => [" · ", part]));
    },
  };
}

// --- starts, ends and the map -----------------------------------------------------------------------------------------

function pictures(state, words) {
  const { ui, view, spans } = state;
  const shown = { from: 0, to: Math.min(spans.n, ROOM) };
  const rows = rowsToShow(state), cell = rows > 20 ? 5 : rows > 10 ? 7 : 9;
  const laneTop = 24, zero = laneTop + LANE, laneEnd = zero + LANE;
  const mapTop = laneEnd + 12 + TAG * (view.rival === null ? 1 : 2);
  const height = mapTop + rows * cell + 4;
  const axis = width => new TokenAxis(shown.from, shown.to, width - 4, { left: GUTTER });
  const title = h("strong", {}, "");
  const main = ui.canvas({
    label: "", height,
    paint(context, width, _, colours) {
      const a = axis(width);
      paintWords(context, a, state, { words, y: 8, bottom: laneTop - 4, colours, width });
      if (ui.get("scale") === "logits") paintLogits(context, a, state, { zero, lane: LANE, colours, width });
      else paintLanes(context, a, state, { zero, lane: LANE, colours, width });
      paintTags(context, a, state, { top: laneEnd + 8, colours, width });
      paintMap(context, a, state, { top: mapTop, rows, cell, colours });
    },
  });
  const over = ui.canvas({
    label: "", height,
    paint(context, width, _, colours) {
      paintPointed(context, axis(width), state, { laneTop, laneEnd, mapTop, rows, cell, colours });
    },
  });
  over.el.setAttribute("aria-hidden", "true");
  over.el.classList.add("ql-over");
  const map = minimap(state, shown, middle => {
    main.draw();
    over.draw();
    if (middle !== undefined) state.reveal?.(middle);
  });
  const el = h("div", {}, map.el, h("div", { class: "ql-stack" }, main.el, over.el),
    h("p", { class: "ql-note ql-key" },
      "In the map each cell is a span: under its first token, as deep as it is long, up to ",
      fmt.count(view.longest, "token"), ". The stronger its colour, the more probable (log scale). The outlined cell is the ",
      view.answer === null ? "best span, which was rejected." : "answer."));

  const at = event => {
    const [x, y] = pointer(event, main.el);
    const token = axis(main.width).at(x);
    if (token < 0) return null;
    if (y < mapTop) return { token };
    const row = Math.floor((y - mapTop) / cell);
    const span = row < rows ? spans.score(token, token + row) : null;
    return span === null ? null : { span };
  };
  ui.listen(over.el, "pointermove", event => state.point(at(event)));
  ui.listen(over.el, "pointerleave", () => state.point(null));
  ui.listen(over.el, "click", event => {
    const hit = at(event);
    if (hit !== null) state.select(hit.span ?? spans.bestOf(hit.token));
  });

  const scale = ui.choice({
    label: "What the strips show", options: [["probability", "probability"], ["logits", "logits"]],
    value: ui.get("scale"), change: value => ui.set("scale", value),
  });
  const given = ui.choice({
    label: "What the probabilities count", options: [[true, "if answered"], [false, "with no answer"]],
    value: ui.get("given_answer"), change: value => ui.set("given_answer", value),
  });
  ui.on("scale", () => scale.set(ui.get("scale")));
  ui.on("given_answer", () => given.set(ui.get("given_answer")));
  const heading = h("div", { class: "ql-h" }, title,
    h("span", {}, "starts ", h("i", { class: "ql-swatch" }), " up, ends ", h("i", { class: "ql-swatch ql-none" }), " down"),
    h("span", { class: "ql-bar ql-push" }, scale.el, given.el));
  return {
    el, heading,
    draw() {
      main.draw();
      over.draw();
      map.draw();
    },
    name() {
      const what = ui.get("scale") === "logits" ? "logits" : "probability";
      fill(title, `Start and end ${what}`);
      main.el.setAttribute("aria-label", `Start and end ${what} of ${fmt.count(spans.n, "token")}, and the map of all spans. ` +
        "All of it can be read token by token in the text above.");
    },
    point: () => over.draw(),
    include: token => map.include(token),
  };
}

/** Rows of the map down to the longest span that would be seen, so that no empty ones are drawn. */
function rowsToShow({ spans }) {
  let most = 6;
  for (let t = 0; t < spans.n; t++) {
    // No span that starts here is more probable than the start itself.
    if (logShare(spans.starts[t]) < 0.04) continue;
    for (let k = most; k < spans.longest; k++) {
      const span = spans.score(t, t + k);
      if (span !== null && logShare(spans.given(span)) >= 0.04) most = k + 1;
    }
  }
  return Math.min(most, spans.longest);
}

function label(context, text, x, y, colour, align = "left") {
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

/** Some words of the text above the axis, so that an eye finds its way from the text to the bars. */
function paintWords(context, axis, state, { words, y, bottom, colours, width }) {
  const { begin, end, n } = state.spans;
  let free = axis.left;
  for (let t = axis.from; t < axis.to; t++) {
    if (axis.x(t) < free || !opensWord(state.spans, words, t)) continue;
    let last = t;
    while (last + 1 < n && begin[last + 1] === end[last] && !opensWord(state.spans, words, last + 1)) last += 1;
    const word = isolate(short(words.slice(begin[t], end[last]), 16));
    const wide = context.measureText(word).width;
    if (axis.x(t) + wide > width) continue;
    context.fillStyle = colours.rule;
    context.fillRect(axis.x(t), y + 7, 1, bottom - y - 7);
    label(context, word, axis.x(t), y, colours.soft);
    free = axis.x(t) + Math.max(wide + 14, WORD);
  }
}

/** Whether a token begins a word: after a gap, or anywhere in scripts that have none. */
function opensWord({ begin, end }, words, t) {
  const token = words.slice(begin[t], Math.min(end[t], begin[t] + 4));
  if (!/^[\p{L}\p{N}]/u.test(token)) return false;
  return t === 0 || begin[t] > end[t - 1] || /^[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]/.test(token);
}

function paintLanes(context, axis, state, { zero, lane, colours, width }) {
  const { spans } = state, share = state.share();
  let top = 0;
  for (let t = axis.from; t < axis.to; t++) top = Math.max(top, share * spans.starts[t], share * spans.ends[t]);
  const most = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find(m => top <= m) ?? 1;
  for (const [values, direction, colour] of [[spans.starts, -1, colours.blue], [spans.ends, 1, colours.orange]]) {
    paintBars(context, axis, t => share * values[t], { y: zero, high: lane, most, colour, direction });
  }
  frameLanes(context, axis, { zero, lane, colours, width, up: String(most), down: String(most), middle: "0" });
}

/** Logits as bars from the smallest that is shown; the level of the null token is a broken line. */
function paintLogits(context, axis, state, { zero, lane, colours, width }) {
  const { spans, view } = state;
  const lanes = [["start", -1, colours.blue], ["end", 1, colours.orange]];
  let low = Infinity, high = -Infinity;
  for (const [which] of lanes) {
    for (let t = axis.from; t < axis.to; t++) {
      const value = spans.largest(which)[t];
      if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
    const null_ = view.null?.[which];
    if (Number.isFinite(null_)) [low, high] = [Math.min(low, null_), Math.max(high, null_)];
  }
  if (!(high > low)) [low, high] = [low - 1, low + 1];
  for (const [which, direction, colour] of lanes) {
    const values = spans.largest(which);
    paintBars(context, axis, t => Math.max(0, values[t] - low), { y: zero, high: lane, most: high - low, colour, direction });
    const level = view.null?.[which];
    if (Number.isFinite(level)) {
      const y = zero + (direction * lane * (level - low)) / (high - low);
      context.strokeStyle = colours.ink;
      context.setLineDash([5, 3]);
      context.beginPath();
      context.moveTo(axis.left, y);
      context.lineTo(axis.right, y);
      context.stroke();
      context.setLineDash([]);
      label(context, "null token", axis.right - 2, y + 7 * direction, colours.soft, "right");
    }
  }
  frameLanes(context, axis, { zero, lane, colours, width, up: fmt.logit(high, 1), down: fmt.logit(high, 1), middle: fmt.logit(low, 1) });
}

function frameLanes(context, axis, { zero, lane, colours, up, down, middle }) {
  context.fillStyle = colours.rule;
  context.fillRect(axis.left, zero - 0.5, axis.right - axis.left, 1);
  label(context, up, axis.left - 6, zero - lane + 4, colours.soft, "right");
  label(context, middle, axis.left - 6, zero, colours.soft, "right");
  label(context, down, axis.left - 6, zero + lane - 4, colours.soft, "right");
}

/** The chosen span and its strongest rival as lines below the lanes, each with its words. */
function paintTags(context, axis, state, { top, colours, width }) {
  const { view, spans, ui } = state;
  const answered = view.answer !== null;
  const tags = [[view.best, answered ? colours.blue : colours.orange, []], ...(view.rival ? [[view.rival, colours.soft, [2.5, 2.5]]] : [])];
  tags.forEach(([answer, colour, dash], row) => {
    const span = spans.find(...answer.span);
    if (span === null || span.j < axis.from || span.i >= axis.to) return;
    const left = Math.max(axis.left, axis.x(span.i)), right = Math.min(axis.right, axis.x(span.j + 1));
    const y = top + TAG * row;
    context.strokeStyle = colour;
    context.lineWidth = 2.5;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(Math.max(right, left + 3), y);
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
    const words = short(answer.text, 40);
    const wide = context.measureText(words).width;
    const flush = left + wide > width - 2;
    // The direction of a label is that of its own first letter, never that of the page.
    context.direction = /^[^A-Za-z\u00c0-\u024f]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(words) ? "rtl" : "ltr";
    label(context, isolate(words), flush ? Math.max(right, wide) : left, y + 11, colours.ink, flush ? "right" : "left");
    context.direction = "ltr";
  });
}

/** Text without controls of the writing direction, for canvases. */
function isolate(text) {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

function paintMap(context, axis, state, { top, rows, cell, colours }) {
  const { spans, view } = state;
  const share = (i, length) => {
    const span = spans.score(i, i + length - 1);
    return span === null ? 0 : logShare(state.probability(span));
  };
  for (let row = 0; row < rows; row += row === 0 ? 4 : 5) {
    context.fillStyle = colours.rule;
    context.globalAlpha = 0.5;
    context.fillRect(axis.left, top + (row + 0.5) * cell - 1, axis.right - axis.left, 1);
    context.globalAlpha = 1;
    label(context, String(row + 1), axis.left - 6, top + (row + 0.5) * cell, colours.soft, "right");
  }
  label(context, "length", axis.left - 6, top - 12, colours.soft, "right");
  paintBand(context, axis, { y: top, rows, cell, share, colours });
  const best = spans.find(...view.best.span);
  if (best !== null) outline(context, axis, best, { top, cell, rows, colour: view.answer === null ? colours.orange : colours.ink, wide: 1.5 });
}

function outline(context, axis, span, { top, cell, rows, colour, wide }) {
  const row = span.j - span.i;
  if (span.i < axis.from || span.i >= axis.to || row >= rows) return;
  context.strokeStyle = colour;
  context.lineWidth = wide;
  context.strokeRect(axis.x(span.i) - 0.5, top + row * cell - 1, Math.max(3, axis.unit), cell + 1);
  context.lineWidth = 1;
}

/** What is pointed at and what is selected, over the picture. */
function paintPointed(context, axis, state, { laneTop, laneEnd, mapTop, rows, cell, colours }) {
  const { spans } = state;
  const chosen = state.chosen();
  if (chosen !== null) {
    const [i, j] = chosen.span === null ? [spans.tokenFrom(chosen.range[0]), spans.tokenFrom(chosen.range[1] - 1)] : [chosen.span.i, chosen.span.j];
    band(context, axis, i, j, { top: laneTop, bottom: laneEnd, colour: colours.ink, alpha: 0.1 });
    if (chosen.span !== null) outline(context, axis, chosen.span, { top: mapTop, cell, rows, colour: colours.ink, wide: 2.5 });
  }
  const span = pointed(state);
  if (span === null) return;
  band(context, axis, span.i, span.j, { top: laneTop, bottom: laneEnd, colour: colours.soft, alpha: 0.2 });
  const token = state.hover.token;
  if (token !== undefined && token >= axis.from && token < axis.to) {
    // A token starts the spans of one column and ends those of one diagonal.
    context.strokeStyle = colours.soft;
    context.globalAlpha = 0.6;
    context.strokeRect(axis.x(token) - 0.5, mapTop - 1, axis.unit, rows * cell);
    context.beginPath();
    context.moveTo(axis.x(token) + axis.unit, mapTop - 1);
    context.lineTo(axis.x(token - rows + 1), mapTop + rows * cell);
    context.stroke();
    context.globalAlpha = 1;
  }
  outline(context, axis, span, { top: mapTop, cell, rows, colour: colours.orange, wide: 2 });
}

function band(context, axis, i, j, { top, bottom, colour, alpha }) {
  const left = Math.max(axis.left, axis.x(i)), right = Math.min(axis.right, axis.x(j + 1));
  if (right <= left) return;
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.fillRect(left, top, right - left, bottom - top);
  context.globalAlpha = 1;
}

// --- long texts -------------------------------------------------------------------------------------------------------

/** Where in a long text the axis stands: a slider whose thumb frames the part that is drawn larger. */
function minimap(state, shown, moved) {
  const { ui, view, spans } = state;
  if (spans.n <= ROOM) return { el: null, draw() {}, include() {} };
  let size = Math.min(ROOM, spans.n);
  const put = from => {
    shown.from = Math.round(clamp(from, 0, spans.n - size));
    shown.to = shown.from + size;
    slider.thumb.style.setProperty("--wide", `${(100 * size) / spans.n}%`);
  };
  const slider = ui.slider({
    label: "Part of the text that is drawn", min: 0, max: spans.n - size, step: 1, page: size,
    value: 0, share: () => size / spans.n,
    text: from => `tokens ${fmt.whole(from + 1)} to ${fmt.whole(from + size)} of ${fmt.whole(spans.n)}`,
    input: from => {
      put(from);
      moved(shown.from + (size >> 1));
    },
  });
  slider.el.classList.add("ql-frame");
  const picture = ui.canvas({ label: "", height: 26, paint: (...rest) => paintWhole(state, ...rest) });
  picture.el.setAttribute("aria-hidden", "true");
  slider.track.append(picture.el);
  const zoom = factor => () => {
    const middle = (shown.from + shown.to) / 2;
    size = Math.round(clamp(size * factor, 20, Math.min(spans.n, 600)));
    slider.limit(0, spans.n - size);
    put(middle - size / 2);
    slider.set(shown.from);
    moved();
  };
  put(0);
  const words = `The whole text: ${fmt.count(spans.n, "token")}` + (view.windows.length > 1 ? ` in ${view.windows.length} windows` : "");
  const el = h("div", { class: "ql-whole" },
    h("div", { class: "ql-h" }, words,
      h("span", { class: "ql-bar ql-push" },
        ui.button("−", zoom(1.6), { small: true, name: "Show more tokens" }),
        ui.button("+", zoom(1 / 1.6), { small: true, name: "Show fewer tokens" }))),
    slider.el);
  return {
    el,
    draw: picture.draw,
    include(token) {
      if (token < shown.from || token >= shown.to) put(token - size / 2);
      slider.set(shown.from);
      moved();
    },
  };
}

/** The whole text as a strip: where an answer starts, and below it the windows. */
function paintWhole(state, context, width, height, colours) {
  const { spans, view } = state;
  const strip = view.windows.length > 1 ? height - 9 : height;
  const x = t => (width * t) / spans.n;
  const bins = Math.max(1, Math.floor(width / 3)), mass = new Float32Array(bins);
  for (let t = 0; t < spans.n; t++) mass[Math.floor((bins * t) / spans.n)] += state.share() * spans.starts[t];
  context.fillStyle = colours.field;
  context.fillRect(0, 0, width, strip);
  mass.forEach((p, k) => {
    const depth = logShare(p, 3);
    if (depth < 0.04) return;
    context.fillStyle = mix(colours.field, colours.blue, depth);
    context.fillRect((width * k) / bins, 0, width / bins, strip);
  });
  if (view.windows.length === 1) return;
  context.strokeStyle = colours.soft;
  spans.windows.forEach(({ first, last }, w) => {
    const y = strip + 3 + 4 * (w % 2);
    context.beginPath();
    context.moveTo(x(first) + 0.5, y);
    context.lineTo(x(last) - 0.5, y);
    context.stroke();
  });
}

// --- the list of documents ---------------------------------------------------------------------------------------------

function documentList(state) {
  const { ui, view } = state;
  if (view.documents === null) return { el: false, mark() {} };
  const sorted = [...view.documents].sort((a, b) => b.p - a.p), answered = 1 - view.none;
  const choose = k => { if (sorted[k].best !== null) ui.set("selected", [...sorted[k].best]); };
  const rows = sorted.map((one, k) => {
    const best = one.best === null ? "no span" : one.text;
    const el = h("div", {
      class: "ql-row", role: "option", tabindex: k === 0 ? 0 : -1,
      "aria-label": `${one.name}: probability ${fmt.probability(one.p)}, best span ${best}`,
    },
      said(one.name),
      h("span", { class: "ql-mass" }, massBar({ p: one.p, given: answered > 0 ? one.p / answered : 0 }), h("span", {}, fmt.probability(one.p))),
      said(best));
    ui.listen(el, "click", () => choose(k));
    return el;
  });
  const list = h("div", { role: "listbox", "aria-label": "The documents, by the probability that they hold the answer" }, rows);
  ui.rove(list, () => rows, { press: choose });
  return {
    el: h("section", {},
      h("div", { class: "ql-h" }, h("strong", {}, "Documents"), h("span", {}, "the probability that each holds the answer, and its best span; a click goes there")),
      h("div", { class: "ql-list ql-documents" }, list)),
    mark() {
      const chosen = ui.get("selected");
      const of = Array.isArray(chosen) ? documentAt(view, chosen[0]) : null;
      rows.forEach((el, k) => el.setAttribute("aria-selected", String(sorted[k] === of)));
    },
  };
}

// --- the list of spans ------------------------------------------------------------------------------------------------

function ranking(state) {
  const { ui, view } = state;
  const many = view.windows.length > 1 || view.documents !== null;
  const source = ({ span, window }) => (view.documents === null ? String(window + 1) : said(documentAt(view, span[0]).name));
  const rows = [];
  const row = (answer, group) => {
    const taken = view.answer !== null && answer.span.join() === view.answer.span.join();
    const facts = `probability ${fmt.probability(answer.p)}, ${fmt.probability(answer.given)} if there is an answer, score ${fmt.logit(answer.score)}`;
    const el = h("div", {
      class: `ql-row${group === null ? " ql-copy" : ""}${taken ? " ql-taken" : ""}`, role: "option", tabindex: -1,
      "aria-label": `${answer.text}: ${facts}${sourceWords(view, answer.span[0], answer.window).map(words => `, ${words}`).join("")}`,
    },
      said(answer.text),
      h("span", { class: "ql-mass" }, group !== null && [massBar(group), h("span", {}, fmt.probability(group.p))]),
      h("span", {}, fmt.probability(answer.p)),
      h("span", {}, fmt.probability(answer.given)),
      h("span", {}, fmt.logit(answer.score)),
      many && h("span", { class: "ql-source" }, source(answer)));
    const [start, end] = answer.span;
    ui.listen(el, "click", () => ui.set("selected", [start, end]));
    ui.listen(el, "pointerenter", () => {
      const span = state.spans.find(start, end);
      if (span !== null) state.point({ span });
    });
    ui.listen(el, "pointerleave", () => state.point(null));
    rows.push({ el, span: answer.span });
    return el;
  };
  const found = view.groups.map((group, k) => h("div", { class: "ql-group", role: "group", "aria-label": `cluster ${k + 1}` },
    row(group.best, group), group.copies.map(copy => row(copy, null)),
    group.hidden > 0 && h("div", { class: "ql-row ql-copy", role: "presentation" }, h("span", {}, `and ${fmt.whole(group.hidden)} more`))));
  const header = h("div", { class: "ql-row ql-columns-of", "aria-hidden": "true" },
    ["span", "all that overlap", "P", "P if answered", "score", ...(many ? [view.documents === null ? "window" : "document"] : [])].map(name => h("span", {}, name)));
  const list = h("div", { role: "listbox", "aria-label": "The best spans, in groups that overlap" }, found);
  const press = k => ui.set("selected", [...rows[k].span]);
  ui.rove(list, () => rows.map(one => one.el), {
    move: k => {
      const span = state.spans.find(...rows[k].span);
      if (span !== null) state.point({ span });
    },
    press,
  });
  const parts = [
    h("div", { class: "ql-h" }, h("strong", {}, "Spans"), h("span", {}, "the best, each with its near-copies; ",
      h("i", { class: "ql-swatch" }), " P of all together, ", h("i", { class: "ql-swatch ql-light" }), " if there is an answer")),
    h("div", { class: `ql-list${many ? " ql-windows" : ""}${view.documents === null ? "" : " ql-many"}` }, header, list),
  ];
  return {
    parts,
    mark() {
      const chosen = ui.get("selected");
      let stop = 0;
      rows.forEach(({ el, span }, k) => {
        const on = Array.isArray(chosen) && chosen.join() === span.join();
        el.setAttribute("aria-selected", String(on));
        if (on) stop = k;
      });
      rows.forEach(({ el }, k) => { el.tabIndex = k === stop ? 0 : -1; });
    },
  };
}

function massBar(group) {
  const given = h("i", {}), joint = h("b", {});
  given.style.width = `${100 * group.given}%`;
  joint.style.width = `${100 * group.p}%`;
  return h("span", { class: "ql-massbar" }, given, joint);
}

// --- uncertainty and the classic score --------------------------------------------------------------------------------

/** Shares of a whole end to end, and a line for each. `parts`: [[size, words, class], …] */
function stacked(parts, full, number) {
  const shares = parts.map(([size, , name]) => {
    const part = h("i", { class: name });
    part.style.width = `${(100 * size) / full}%`;
    return part;
  });
  return [
    h("div", { class: "ql-stackbar", "aria-hidden": "true" }, shares),
    h("ul", { class: "ql-parts" }, parts.map(([size, words, name]) => h("li", {}, h("i", { class: `ql-swatch ${name}` }), h("b", {}, number(size)), h("span", {}, words)))),
  ];
}

function uncertainty(view) {
  const bits = view.uncertainty;
  const parts = [
    [bits.whether, "whether there is an answer", "ql-is-orange"],
    [bits.which, "which one", "ql-is-blue"],
    [bits.where, "where it starts and ends", "ql-is-pale"],
  ];
  return h("section", {},
    h("div", { class: "ql-h" }, h("strong", {}, "Uncertainty"), ` ${bits.total.toFixed(2)} bits of entropy`),
    stacked(parts, Math.max(2, Math.ceil(bits.total)), x => x.toFixed(2)),
    h("p", { class: "ql-note" }, `The bar is ${Math.max(2, Math.ceil(bits.total))} bits wide; 1 bit is a fair coin.`));
}

function classicScore(view) {
  const { start, end, score, lost, window } = view.classic;
  const sum = lost.reversed + lost.too_long + lost.mixed + lost.outside;
  const parts = [
    [1 - sum, "on spans, and on no answer", "ql-is-blue"],
    [lost.mixed, "one end at the null token", "ql-is-orange"],
    [lost.reversed, "the end before the start", "ql-is-pale"],
    [lost.too_long, "too long", "ql-is-soft"],
    [lost.outside, "outside of the text", "ql-is-rule"],
  ].filter(([size], k) => k === 0 || size >= 0.0005);
  return h("section", {},
    h("div", { class: "ql-h" }, h("strong", {}, "Classic score"), "p(start) · p(end) of the best span"),
    h("p", {}, h("span", { class: "ql-big" }, fmt.probability(score)), ` = ${fmt.probability(start)} · ${fmt.probability(end)}`),
    stacked(parts, 1, fmt.percent),
    h("p", { class: "ql-note" }, `Of the product of two softmaxes${view.windows.length > 1 ? ` of window ${window + 1}` : ""}, ` +
      `${fmt.percent(sum)} falls on pairs that are no prediction.`));
}
