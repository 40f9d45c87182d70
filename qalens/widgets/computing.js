// What explorers that compute share: how far it is, lists of what was computed, and bars from zero.

/** How far the computation is, with a button that stops it; or why there is nothing. */
function worker(ui, { live, missing, label }) {
  const el = h("section", { class: "ql-work" });
  const start = ui.button(label, () => ui.send({ do: "compute" }));
  const stop = ui.button("Stop", () => ui.send({ do: "cancel" }), { small: true });
  const bar = h("span", { class: ui.reduced ? "ql-busy ql-calm" : "ql-busy", role: "progressbar", "aria-label": "Computing" });
  const words = h("span", {}), done = h("span", { class: "ql-soft" });
  const show = () => {
    const status = ui.get("status");
    const busy = live && status.state === "computing";
    if (busy) {
      words.textContent = `Computing ${status.words}.`;
      done.textContent = status.done ?? "";
      if (!bar.isConnected) {
        fill(el, bar, stop, words, done);
        ui.say(words.textContent);
      }
    } else if (status.state === "failed") {
      fill(el, h("p", { class: "ql-warning", role: "alert" }, h("strong", {}, "⚠ Not computed. "), status.words));
    } else if (live && missing()) {
      fill(el, start, h("span", { class: "ql-soft" }, status.state === "cancelled" ? status.words : "Nothing was computed for this choice yet."));
    } else fill(el);
    el.hidden = el.childNodes.length === 0;
  };
  return { el, show };
}

/** Words with quotations in them, each kept apart, so that no writing direction turns the words around it. */
function quotations(words) {
  return words.split(/“([^”]*)”/).map((piece, k) => (k % 2 ? ["“", said(piece), "”"] : piece));
}

/** A bar from zero to either side; `x` of a value is in per cent. */
function signedBar(value, x) {
  const zero = h("i", { class: "ql-zero" });
  zero.style.setProperty("inset-inline-start", `${x(0)}%`);
  const el = h("span", { class: "ql-signedbar", "aria-hidden": "true" }, zero);
  if (value !== null) {
    const bar = h("b", { class: value < 0 ? "ql-is-against" : "ql-is-for" });
    bar.style.setProperty("inset-inline-start", `${Math.min(x(0), x(value))}%`);
    bar.style.setProperty("width", `${Math.abs(x(value) - x(0))}%`);
    el.append(bar);
  }
  return el;
}

function scaleOf(values) {
  const low = Math.min(0, ...values), high = Math.max(0, ...values);
  return value => (100 * (value - low)) / (high - low || 1);
}

/** A list of which one is selected: the arrows move, Enter and a click take. */
function listOf(ui, { label, rows, selected, take }) {
  const el = h("div", { class: "ql-pick", role: "listbox", "aria-label": label });
  const items = rows.map((row, k) => {
    const item = h("div", { role: "option", tabindex: k === Math.max(0, selected.indexOf(true)) ? 0 : -1, "aria-selected": String(selected[k]) }, row);
    ui.listen(item, "click", () => take(k));
    return item;
  });
  ui.rove(el, () => items, { press: take });
  append(el, items);
  return el;
}
