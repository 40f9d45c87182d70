// What speaks for an attribution and what else could be explained: beside the texts of the AttributionExplorer.

function evidence(why, texts) {
  const { entry } = why;
  return [
    h("div", { class: "ql-columns" }, strongest(why, texts), sums(entry)),
    trust(entry),
  ];
}

/** The words that count most; pointing at one shows it in its text. */
function strongest(why, texts) {
  const { ui, entry } = why;
  const title = h("div", { class: "ql-h" }, h("strong", {}, "Strongest words"), "largest first");
  if (entry.strongest.length === 0) return h("section", {}, title, h("p", { class: "ql-note" }, "No word contributes anything."));
  const x = scaleOf(entry.strongest.map(one => one.value));
  const list = h("div", { role: "listbox", "aria-label": "Strongest words" });
  const go = k => {
    const { where, token } = entry.strongest[k];
    const { prose } = texts.sides[where];
    prose.reveal(token);
    prose.hover(token);
  };
  const rows = entry.strongest.map((one, k) => {
    const value = fmt.signed(one.value, entry.digits.word);
    const row = h("div", {
      class: "ql-strong", role: "option", tabindex: k === 0 ? 0 : -1, "aria-selected": "false",
      "aria-label": `${one.text}, in the ${one.where === "question" ? "question" : "text"}, ${value}`,
    }, h("span", {}, said(one.text), one.where === "question" ? h("small", { class: "ql-soft" }, " question") : null), signedBar(one.value, x), h("span", {}, value));
    ui.listen(row, "pointerenter", () => go(k));
    ui.listen(row, "pointerleave", () => texts.sides[one.where].prose.hover(null));
    ui.listen(row, "focus", () => go(k));
    ui.listen(row, "blur", () => texts.sides[one.where].prose.hover(null));
    return row;
  });
  ui.rove(list, () => rows, { press: go });
  append(list, rows);
  return h("section", {}, title, list);
}

function sums(entry) {
  const x = scaleOf(entry.sums.map(([, value]) => value ?? 0));
  return h("section", {},
    h("div", { class: "ql-h" }, h("strong", {}, "Where it comes from"), "sums of values, in logits"),
    entry.sums.map(([name, value, apart]) => h("div", { class: apart ? "ql-strong ql-apart" : "ql-strong" },
      h("span", {}, name), signedBar(value, x), h("span", {}, fmt.signed(value ?? NaN)))));
}

function trust(entry) {
  return h("section", {},
    h("div", { class: "ql-h" }, h("strong", {}, "Can it be trusted?"), `${fmt.count(entry.passes, "row")} through the model`),
    h("dl", { class: "ql-trust" }, entry.trust.map(([name, words]) => [
      h("dt", {}, name), h("dd", { class: words.includes("NOT") ? "ql-alarm" : null }, words),
    ])));
}

// --- what can be chosen -----------------------------------------------------------------------------------------------

/** The best spans of the reading, to be explained or held against each other. */
function spanList(why) {
  const { ui, view } = why;
  const el = h("section", {});
  const show = () => {
    if (!why.live || view.spans.length === 0) return;
    const contrast = ui.get("target") === "contrast";
    const sides = [...view.spans.map(one => one.span), ...(contrast ? [[]] : [])];
    const role = span => {
      if (ui.get("target") in ABOUT_NO_SPAN) return "";
      if (sameSide(span, why.asked("span"))) return contrast ? "the one side" : "explained";
      return contrast && sameSide(span, why.asked("rival")) ? "the other side" : "";
    };
    const rows = sides.map((span, k) => [
      h("span", {}, k < view.spans.length ? said(view.spans[k].text) : "no answer"),
      h("span", { class: "ql-soft" }, role(span)),
      h("span", {}, fmt.probability(k < view.spans.length ? view.spans[k].p : view.none)),
    ]);
    const held = [...el.querySelectorAll("[role=option]")].indexOf(document.activeElement);
    fill(el,
      h("div", { class: "ql-h" }, h("strong", {}, "Spans"), contrast ? "pick both sides here or in the text" : "pick here or in the text what is explained"),
      listOf(ui, { label: "Spans to explain", rows, selected: sides.map(span => role(span) !== ""), take: k => why.take(sides[k]) }));
    if (held >= 0) el.querySelectorAll("[role=option]")[Math.min(held, rows.length - 1)].focus();
  };
  return { el, show };
}

/** Everything that was computed, to be shown again at once. */
function computed(why) {
  const { ui, found } = why;
  if (found.length < 2) return null;
  const rows = found.map(entry => [
    h("span", {}, quotations(entry.words)), h("span", { class: "ql-soft" }, entry.how), h("span", {}, fmt.logit(entry.amount)),
  ]);
  const list = listOf(ui, {
    label: "Computed", rows, selected: found.map((_, k) => k === ui.get("shown")),
    take: k => {
      why.turn(k);
      ui.root.querySelector(".ql-pick[aria-label=Computed] [aria-selected=true]")?.focus();
    },
  });
  return h("section", {},
    h("div", { class: "ql-h" }, h("strong", {}, "Computed"), "shown again without the model"), list);
}
