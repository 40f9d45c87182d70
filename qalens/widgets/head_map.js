// The map of attention heads: how a number of the reading changes when one of them says nothing.

const GUTTER = 34; // pixels left of a map, for the numbers of its rows
const HEAD_ROW = 22; // pixels of a row of heads
const TARGETS = [["answer", "answer"], ["start", "start"], ["end", "end"], ["no_answer", "no answer"], ["margin", "margin"]];

function headMap({ ui, trace }) {
  const live = ui.get("live") && !ui.still;
  const el = h("section", {});
  const entry = () => ui.get("found")[ui.get("shown")] ?? null;
  if (!live && entry() === null) return { el: null, show() {}, tell() {} };
  const missing = () => !ui.get("found").some(one => one.target === ui.get("target") && one.by === ui.get("by"));
  const work = worker(ui, { live, missing, label: "Take out each head" });
  const picture = headPicture(ui, entry), place = h("div", {}), chosen = h("div", {});
  const target = ui.choice({ label: "What heads are held against", options: TARGETS, value: ui.get("target"), change: value => ui.set("target", value) });
  const by = ui.choice({
    label: "In the place of a head", options: [["zero", "zero"], ["mean", "its mean"]], value: ui.get("by"), change: value => ui.set("by", value),
  });
  const control = (name, part) => h("div", { class: "ql-control" }, h("span", { class: "ql-soft" }, name), part);
  append(el, [
    h("div", { class: "ql-h" }, h("strong", {}, "Heads"), "how a number of the reading changes when one attention head says nothing"),
    live ? h("div", { class: "ql-controls", role: "group", "aria-label": "What heads are held against" }, control("explain", target.el), control("put", by.el)) : null,
    work.el, place,
  ]);
  const tell = () => work.show();
  const show = () => {
    target.set(ui.get("target"));
    by.set(ui.get("by"));
    const now = entry();
    if (now === null) fill(place);
    else {
      const held = place.contains(document.activeElement) ? document.activeElement.closest("[role=listbox]") : null;
      fill(chosen, mapsComputed(ui));
      if (!picture.el.isConnected) fill(place, picture.el, chosen);
      picture.show();
      if (held !== null) chosen.querySelector("[aria-selected=true]")?.focus();
    }
    tell();
  };
  return { el, show, tell };
}

/** Every map that was computed, to be shown again at once. */
function mapsComputed(ui) {
  const found = ui.get("found");
  if (found.length < 2) return null;
  const rows = found.map(one => [
    h("span", {}, quotations(one.words)), h("span", { class: "ql-soft" }, one.by === "zero" ? "heads set to zero" : "heads set to their mean"), h("span", {}, fmt.logit(one.amount)),
  ]);
  return h("div", { class: "ql-again" },
    h("div", { class: "ql-h" }, h("strong", {}, "Computed"), "shown again without the model"),
    listOf(ui, { label: "Computed", rows, selected: found.map((_, k) => k === ui.get("shown")), take: k => turnTo(ui, k) }));
}

function turnTo(ui, k) {
  const one = ui.get("found")[k];
  if (one.target !== "other") ui.model.set("target", one.target);
  ui.model.set("by", one.by);
  ui.set("shown", k);
}

/** The map of layers × heads, with a cursor for the mouse and the arrow keys. */
function headPicture(ui, entry) {
  const cursor = { row: null, head: null };
  let unit = 1;
  const across = (head, width, heads) => GUTTER + (head * Math.min(44, (width - GUTTER) / heads));
  const canvas = ui.canvas({
    label: "", height: 100,
    paint: (context, width, _, colours) => {
      if (entry() === null) return;
      unit = across(1, width, entry().change[0].length) - GUTTER;
      paintHeads(context, entry(), unit, colours);
    },
  });
  const over = ui.canvas({
    label: "", height: 100,
    paint: (context, _, __, colours) => {
      if (cursor.row === null) return;
      context.strokeStyle = colours.ink;
      context.lineWidth = 2;
      context.strokeRect(GUTTER + cursor.head * unit, cursor.row * HEAD_ROW + 1, unit - 1, HEAD_ROW - 2);
    },
  });
  over.el.classList.add("ql-over");
  over.el.setAttribute("aria-hidden", "true");
  const stack = h("div", {
    class: "ql-map", tabindex: 0, role: "application", "aria-label": "Map of layers and heads. The arrows move from head to head.",
  }, canvas.el, over.el);
  const heading = h("p", { class: "ql-target" }), line = h("p", { class: "ql-readout" }), note = h("p", { class: "ql-note" }), legend = h("div", { class: "ql-legend" });
  const el = h("div", {}, heading, stack, line, legend, note);
  const words = () => {
    const change = entry().change[cursor.row][cursor.head], { amount, digits } = entry();
    if (change === null) return `layer ${cursor.row + 1}, head ${cursor.head + 1}: not a number without it`;
    const kind = change < 0 ? "it speaks for" : change > 0 ? "it speaks against" : "it changes nothing";
    return `layer ${cursor.row + 1}, head ${cursor.head + 1}: ${fmt.logit(amount + change)} without it, ${fmt.signed(change, digits)}: ${kind}`;
  };
  const point = (row, head) => {
    Object.assign(cursor, { row, head });
    over.draw();
    fill(line, row === null ? "Point at a head to see what happens without it." : words());
  };
  ui.listen(stack, "pointermove", event => {
    const [x, y] = pointer(event, canvas.el);
    const row = Math.floor(y / HEAD_ROW), head = Math.floor((x - GUTTER) / unit);
    const inside = row >= 0 && row < entry().change.length && head >= 0 && head < entry().change[0].length;
    point(inside ? row : null, inside ? head : null);
  });
  ui.listen(stack, "pointerleave", () => point(null, null));
  ui.listen(stack, "blur", () => point(null, null));
  ui.listen(stack, "focus", () => {
    const [layer, head] = entry().strongest[0] ?? [1, 1];
    if (cursor.row === null) point(layer - 1, head - 1);
  });
  ui.listen(stack, "keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = {
      ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -Infinity], End: [0, Infinity],
    }[event.key];
    if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
    if (step === undefined) return;
    event.preventDefault();
    const { change } = entry();
    point(clamp((cursor.row ?? 0) + step[0], 0, change.length - 1), clamp((cursor.head ?? 0) + step[1], 0, change[0].length - 1));
    ui.say(words());
  });
  const show = () => {
    const now = entry(), height = now.change.length * HEAD_ROW + 20;
    canvas.resize(height);
    over.resize(height);
    fill(heading, quotations(now.words), " = ", h("b", {}, fmt.logit(now.amount)), now.by === "zero" ? ", each head set to zero in turn" : ", each head set to its mean in turn");
    const told = now.strongest.map(([layer, head, change]) => `layer ${layer} head ${head} ${fmt.signed(change, now.digits)}`);
    canvas.el.setAttribute("aria-label", `Map of ${now.change.length} layers and ${now.change[0].length} heads. Largest changes in logits: ${told.join("; ")}.`);
    fill(note, told.length ? `Strongest: ${told.join(" · ")}` : "No head changes anything.");
    fill(legend, now.most ? [
      h("span", {}, `${fmt.signed(-now.most, now.digits)} `, h("i", { class: "ql-ramp ql-signed ql-turned" }), ` ${fmt.signed(now.most, now.digits)} logits without the head`),
      h("span", {}, "− and blue: it speaks for"), h("span", {}, "+ and orange: it speaks against"),
    ] : null);
    point(null, null);
  };
  return { el, show };
}

function paintHeads(context, entry, unit, colours) {
  const layers = entry.change.length, heads = entry.change[0].length;
  context.textBaseline = "middle";
  for (let row = 0; row < layers; row++) {
    const y = row * HEAD_ROW;
    context.fillStyle = colours.soft;
    context.textAlign = "right";
    context.fillText(String(row + 1), GUTTER - 7, y + HEAD_ROW / 2);
    context.textAlign = "center";
    for (let head = 0; head < heads; head++) {
      const change = entry.change[row][head], x = GUTTER + head * unit;
      const share = change === null || !entry.most ? 0 : change / entry.most;
      context.fillStyle = mix(colours.field, share > 0 ? colours.orange : colours.blue, Math.abs(share));
      context.fillRect(x, y, unit - 1, HEAD_ROW - 1);
      if (change !== null && Math.abs(share) < 0.2) continue;
      context.fillStyle = Math.abs(share) > 0.55 ? colours.ground : colours.ink;
      const number = change === null ? "?" : fmt.signed(change, entry.most < 9.5 ? 2 : 1);
      context.fillText(context.measureText(number).width < unit - 3 ? number : number[0], x + (unit - 1) / 2, y + HEAD_ROW / 2);
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
