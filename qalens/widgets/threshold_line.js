// The line of margins with its threshold, and what the figures would be elsewhere on it.

const NA_LEFT = 44, NA_RIGHT = 12; // pixels beside the line, for the labels of an axis
const NA_SETTLED = 250; // milliseconds after which a threshold is sent to Python

function domain(state) {
  const margins = state.readings.map(reading => reading.margin).filter(m => m !== null && m !== undefined);
  const places = [...margins, state.ui.get("threshold"), 0];
  let low = Infinity, high = -Infinity;
  for (const place of places) [low, high] = [Math.min(low, place), Math.max(high, place)];
  const room = Math.max(1.5, 0.08 * (high - low));
  return [Math.floor(low - room), Math.ceil(high + room)];
}

function thresholdLine(state) {
  const { ui, view, readings, many } = state;
  let [low, high] = domain(state);
  const step = high - low > 200 ? 0.1 : high - low > 20 ? 0.05 : 0.01;
  const curved = many && view.curve !== null;
  const height = curved ? 236 : many ? 96 : 84;
  const place = (x, width) => NA_LEFT + ((x - low) / (high - low)) * (width - NA_LEFT - NA_RIGHT);
  const label = curved ? "Exact match and F1 by threshold" : many ? "The margins of all questions" : "The margin on the line of thresholds";
  const canvas = ui.canvas({
    label, height,
    paint(context, width, tall, colours) {
      if (curved) paintCurves(context, { width, top: 14, bottom: tall - 66, place, colours, state });
      paintMargins(context, { width, top: curved ? tall - 58 : 26, bottom: tall - 20, low, high, place, colours, state });
    },
  });
  const tellPython = ui.later(() => ui.model.save_changes(), NA_SETTLED);
  const slider = ui.slider({
    label: "No-answer threshold, in logits", min: low, max: high, step, page: 1, value: ui.get("threshold"),
    text: value => `${fmt.logit(value)} logits; ${spoken(state, value)}`,
    // Every step is seen here at once; Python hears of the place where the thumb comes to rest.
    input: value => {
      ui.model.set("threshold", value);
      tellPython();
    },
  });
  const words = h("p", { class: "ql-na-words", "aria-live": "polite" });
  const tell = () => fill(words, thresholdWords(state));
  if (many) ui.listen(canvas.el, "click", event => {
    const [x, y] = pointer(event, canvas.el);
    const near = nearest(readings, value => place(value, canvas.width), x);
    if (near !== null && y > height - 62) ui.set("selected", near);
  });
  tell();
  const best = curved && view.curve.best.threshold !== null
    ? ui.button(`best F1 here: ${view.curve.best.f1.toFixed(1)} at ${fmt.logit(view.curve.best.threshold)}`, () => ui.set("threshold", view.curve.best.threshold), { small: true })
    : null;
  const zero = ui.button("0", () => ui.set("threshold", 0), { small: true, name: "Set the threshold to 0" });
  return {
    heading: h("div", { class: "ql-h" }, h("strong", {}, "Threshold"),
      h("span", {}, curved ? ["questions with a margin up to it are answered; ", key("ql-swatch", "F1"), ", dashed: exact match"] : "move it: the decision follows"),
      h("span", { class: "ql-push ql-bar" }, best, zero)),
    el: h("div", {}, canvas.el, h("div", { class: "ql-na-line" }, slider.el), many && marginKey(state), words),
    show() {
      const value = ui.get("threshold");
      if (value < low || value > high) {
        [low, high] = domain(state);
        slider.limit(low, high);
      }
      slider.set(value);
      canvas.draw();
      tell();
    },
  };
}

function marginKey(state) {
  const known = state.readings.some(reading => reading.golds?.length === 0);
  return h("p", { class: "ql-note" }, "A tick is the margin of a question",
    known && [": ", key("ql-swatch", "above, with an answer"), "; ", key("ql-swatch ql-none", "below, without one")], ". A click on it shows its windows.");
}

function key(name, text) {
  return h("span", { class: "ql-na-key" }, h("i", { class: name }), " ", text);
}

/** The number of the reading whose margin is nearest to a place on the line. */
function nearest(readings, place, x) {
  let best = null, least = 12;
  readings.forEach((reading, k) => {
    if (reading.margin === null || reading.margin === undefined) return;
    const away = Math.abs(place(reading.margin) - x);
    if (away < least) [best, least] = [k, away];
  });
  return best;
}

function paintMargins(context, { width, top, bottom, low, high, place, colours, state }) {
  const { readings, many, ui } = state;
  const threshold = ui.get("threshold"), at = clamp(place(threshold, width), NA_LEFT, width - NA_RIGHT);
  const shade = (from, to, colour) => {
    context.globalAlpha = 0.45;
    context.fillStyle = colour;
    context.fillRect(from, top, Math.max(0, to - from), bottom - top);
    context.globalAlpha = 1;
  };
  shade(NA_LEFT, at, colours.pale);
  shade(at, width - NA_RIGHT, colours.paleorange);
  context.fillStyle = colours.soft;
  context.textBaseline = "middle";
  const middle = (top + bottom) / 2;
  if (!many) {
    const margin = readings[0].margin, dot = margin === null || margin === undefined ? -Infinity : place(margin, width);
    context.textAlign = "left";
    // At the outer end of its side; next to the dot where that is already there.
    sideWords(context, "answers", NA_LEFT, at, dot, middle, () => [NA_LEFT + 6, dot + 12]);
    sideWords(context, "no answer", at, width - NA_RIGHT, dot, middle, size => [width - NA_RIGHT - 6 - size, dot - 12 - size]);
  }
  paintTicks(context, { low, high, y: bottom + 10, width, place, colours });
  const looked = ui.get("selected");
  readings.forEach((reading, k) => {
    if (reading.margin === null || reading.margin === undefined) return;
    const x = place(reading.margin, width), none = reading.golds !== null && reading.golds.length === 0;
    if (!many) {
      context.fillStyle = colours.ink;
      context.beginPath();
      context.arc(x, middle, 5.5, 0, 2 * Math.PI);
      context.fill();
      context.textBaseline = "alphabetic";
      // The label stays beside the threshold's own, and inside.
      const words = `margin ${fmt.logit(reading.margin)}`, size = context.measureText(words).width;
      context.textAlign = "left";
      context.fillText(words, clamp(x - size / 2, NA_LEFT, width - NA_RIGHT - size), top - 8);
      return;
    }
    context.fillStyle = none ? colours.orange : colours.blue;
    context.globalAlpha = readings.length > 400 ? 0.25 : 0.6;
    if (none) context.fillRect(x - 0.75, middle, 1.5, bottom - middle);
    else context.fillRect(x - 0.75, top, 1.5, middle - top);
    context.globalAlpha = 1;
    if (k === looked) {
      context.strokeStyle = colours.ink;
      context.lineWidth = 1.5;
      context.strokeRect(x - 3, none ? middle : top, 6, middle - top);
    }
  });
  upright(context, { at, top: top - 4, bottom: bottom + 4, thick: 2, colours });
}

/** Words on one side of the threshold, from the first of some places where they have room and do not touch the dot. */
function sideWords(context, words, from, to, dot, y, places) {
  const size = context.measureText(words).width;
  const start = places(size).find(x => x >= from + 6 && x + size <= to - 6 && (dot + 9 < x || dot - 9 > x + size));
  if (start !== undefined) context.fillText(words, start, y);
}

function upright(context, { at, top, bottom, thick, colours }) {
  context.strokeStyle = colours.ink;
  context.lineWidth = thick;
  context.beginPath();
  context.moveTo(at, top);
  context.lineTo(at, bottom);
  context.stroke();
}

function paintTicks(context, { low, high, y, width, place, colours }) {
  context.fillStyle = colours.soft;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const tick of ticks(low, high, clamp(Math.floor(width / 110), 3, 9))) {
    const x = place(tick, width);
    if (x > NA_LEFT + 8 && x < width - NA_RIGHT - 8) context.fillText(fmt.logit(tick, 0), x, y);
  }
}

function paintCurves(context, { width, top, bottom, place, colours, state }) {
  const curve = state.view.curve;
  const all = [...curve.f1, ...curve.exact].filter(x => x !== null);
  let least = 100, most = 0;
  for (const x of all) [least, most] = [Math.min(least, x), Math.max(most, x)];
  const base = Math.max(0, 10 * Math.floor(least / 10)), peak = Math.min(100, 10 * Math.ceil(Math.max(most, base + 10) / 10));
  const y = value => bottom - ((value - base) / (peak - base)) * (bottom - top);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks(base, peak, 4)) {
    context.fillStyle = colours.soft;
    context.fillText(`${tick}`, NA_LEFT - 8, y(tick));
    context.fillStyle = colours.rule;
    context.fillRect(NA_LEFT, y(tick) - 0.5, width - NA_LEFT - NA_RIGHT, 1);
  }
  const at = clamp(place(state.ui.get("threshold"), width), NA_LEFT, width - NA_RIGHT);
  const now = levelAt(curve, state.ui.get("threshold"));
  for (const [name, colour, dash] of [["exact", colours.ink, [5, 3]], ["f1", colours.blue, []]]) {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(NA_LEFT, y(curve[name][0]));
    for (let k = 1; k < curve.threshold.length; k++) {
      const x = clamp(place(curve.threshold[k], width), NA_LEFT, width - NA_RIGHT);
      context.lineTo(x, y(curve[name][k - 1]));
      context.lineTo(x, y(curve[name][k]));
    }
    context.lineTo(width - NA_RIGHT, y(curve[name].at(-1)));
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = colour;
    context.beginPath();
    context.arc(at, y(curve[name][now]), 4.5, 0, 2 * Math.PI);
    context.fill();
  }
  upright(context, { at, top: top - 6, bottom: bottom + 8, thick: 1, colours });
}
