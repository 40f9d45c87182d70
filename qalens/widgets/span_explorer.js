// One reading: its decision, its text, its tokens as starts and ends, and all its spans.

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
