// Answer or no answer: the margin of one reading or of many on a line, and a threshold that is moved along it.

const NA_LEFT = 44, NA_RIGHT = 12; // pixels beside the line, for the labels of an axis
const NA_REST = 900; // milliseconds after which a move has ended and the next one begins
const NA_SETTLED = 250; // milliseconds after which a threshold is sent to Python
const NA_MOST = 200; // rows of a list

function explore(ui) {
  const view = ui.get("view"), readings = view.readings;
  const many = readings.length > 1;
  const state = { ui, view, readings, many, from: ui.get("threshold"), flipped: null };
  state.answers = (reading, threshold = ui.get("threshold")) => reading.margin !== null && reading.margin !== undefined && reading.margin <= threshold;
  const line = thresholdLine(state), detail = oneReading(state);
  const head = many ? manyHead(state) : oneHead(state);
  const list = many ? flippedList(state) : null;
  append(ui.root, [
    head.el,
    h("section", {}, line.heading, line.el),
    list !== null && list.el,
    detail.el,
  ]);
  const rest = ui.later(() => { state.from = ui.get("threshold"); }, NA_REST);
  const moved = () => {
    head.show();
    line.show();
    if (list !== null) list.turned(state.from, ui.get("threshold"));
    rest();
  };
  ui.on("threshold", moved);
  ui.on("selected", () => {
    detail.show();
    line.show();
    if (list !== null) list.mark();
  });
  head.show();
  detail.show();
}

/** The reading that is looked at, or null. */
function lookedAt(state) {
  const at = state.ui.get("selected");
  return at === null || at === undefined ? null : state.readings[at];
}

// --- heads ------------------------------------------------------------------------------------------------------------

function oneHead(state) {
  const reading = state.readings[0];
  const verdict = h("div", { class: "ql-verdict" });
  return {
    el: h("header", { class: "ql-head" }, said(reading.question, { class: "ql-question" }), " ", verdict),
    show() {
      const answered = state.answers(reading);
      fill(verdict,
        h("strong", {}, answered ? said(reading.best) : "no answer"), " ",
        h("span", { class: answered ? "ql-sure" : "ql-sure ql-none" }, fmt.percent(answered ? reading.p : reading.none)), " ",
        h("small", {}, answered ? "probability of this span" : "probability of no answer"));
    },
  };
}

function manyHead(state) {
  const { view, readings } = state;
  const figures = h("div", { class: "ql-na-figures" });
  const failed = readings.filter(reading => reading.error !== undefined).length;
  const about = [fmt.count(readings.length, "question"), failed > 0 && `${fmt.whole(failed)} could not be read`].filter(Boolean).join(", ");
  const figure = (name, value) => h("span", {}, name, " ", h("b", {}, value));
  const percent = x => (x === null ? "–" : x.toFixed(1));
  return {
    el: h("header", {}, h("div", { class: "ql-head" }, h("span", { class: "ql-question" }, "Answer or no answer?"), h("span", { class: "ql-soft" }, about)), figures),
    show() {
      const answered = readings.filter(reading => state.answers(reading)).length;
      const parts = [figure("threshold", fmt.logit(state.ui.get("threshold"))), figure("answered", `${fmt.whole(answered)} of ${fmt.whole(readings.length)}`)];
      if (view.curve !== null) {
        const k = levelAt(view.curve, state.ui.get("threshold"));
        parts.push(
          figure("exact", percent(view.curve.exact[k])), figure("F1", percent(view.curve.f1[k])),
          figure("F1 where answerable", percent(view.curve.has_answer_f1[k])), figure("abstains where not", percent(view.curve.no_answer[k])));
      }
      fill(figures, parts);
    },
  };
}

/** The level of the curve that holds a threshold. */
function levelAt(curve, threshold) {
  curve.places ??= Float64Array.from(curve.threshold, t => t ?? -Infinity);
  return lastAtMost(curve.places, threshold);
}

// --- the line ---------------------------------------------------------------------------------------------------------

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
    if (at - NA_LEFT > 70) { context.textAlign = "left"; context.fillText("answers", NA_LEFT + 6, middle); }
    if (width - NA_RIGHT - at > 90) { context.textAlign = "right"; context.fillText("no answer", width - NA_RIGHT - 6, middle); }
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
  context.strokeStyle = colours.ink;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(at, top - 4);
  context.lineTo(at, bottom + 4);
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
  context.strokeStyle = colours.ink;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(at, top - 6);
  context.lineTo(at, bottom + 8);
  context.stroke();
}

// --- words ------------------------------------------------------------------------------------------------------------

/** How many times as probable, for a difference in logits. */
function times(logits) {
  const ratio = Math.exp(Math.abs(logits));
  if (!Number.isFinite(ratio) || ratio >= 1e6) return "more than a million times";
  if (ratio < 1.05) return "about";
  return `${ratio < 10 ? ratio.toFixed(1) : fmt.whole(Math.round(ratio))} times`;
}

function thresholdWords(state) {
  const threshold = state.ui.get("threshold");
  if (!state.many) {
    const reading = state.readings[0];
    if (reading.margin === null) return "No threshold brings an answer: the text holds no span that the model could take.";
    const answered = state.answers(reading);
    return [
      `Null score ${fmt.logit(reading.null)} against ${fmt.logit(reading.score)} of the best span: the margin is ${fmt.logit(reading.margin)}. `,
      reading.margin < 0
        ? ["By itself “", said(reading.best), `” is ${times(reading.margin)} as probable as no answer. `]
        : [`No answer is ${times(reading.margin)} as probable as “`, said(reading.best), "” by itself. "],
      answered ? `It is the answer, until the threshold falls below ${fmt.logit(reading.margin)}.` : `It is rejected, until the threshold rises to ${fmt.logit(reading.margin)}.`,
    ];
  }
  const how = threshold === 0 ? "at least as probable as no answer"
    : threshold < 0 ? `at least ${times(threshold)} as probable as no answer`
      : `not less probable than no answer by more than ${times(threshold)}`;
  return `At ${fmt.logit(threshold)} a question is answered where its best span is ${how}.`;
}

function spoken(state, value) {
  if (!state.many) return state.answers(state.readings[0], value) ? `answers ${state.readings[0].best}` : "no answer";
  const answered = state.readings.filter(reading => state.answers(reading, value)).length;
  return `${fmt.count(answered, "question")} answered`;
}

// --- what a move turned -----------------------------------------------------------------------------------------------

function flippedList(state) {
  const { ui, readings } = state;
  const box = h("div", { class: "ql-na-list", role: "listbox", "aria-label": "Questions" });
  const heading = h("div", { class: "ql-h" });
  let rows = [];
  const choose = k => ui.set("selected", Number(rows[k].dataset.reading));
  ui.rove(box, () => rows, { press: choose });
  const mark = () => rows.forEach(row => row.setAttribute("aria-selected", String(Number(row.dataset.reading) === ui.get("selected"))));
  const show = numbers => {
    rows = numbers.slice(0, NA_MOST).map((k, at) => {
      const row = flippedRow(state, k, at === 0);
      ui.listen(row, "click", () => ui.set("selected", k));
      return row;
    });
    fill(box, rows);
    mark();
  };
  const turned = (from, to) => {
    const [low, high] = from < to ? [from, to] : [to, from];
    const found = readings.map((reading, k) => [reading.margin, k]).filter(([m]) => m !== null && m !== undefined && m > low && m <= high);
    found.sort((a, b) => Math.abs(a[0] - from) - Math.abs(b[0] - from));
    const good = found.filter(([, k]) => better(readings[k], to > from)).length;
    const scored = found.filter(([, k]) => readings[k].golds !== null && readings[k].golds !== undefined).length;
    fill(heading, h("strong", {}, `Turned by the last move: ${fmt.whole(found.length)}`),
      found.length === 0 ? `none between ${fmt.logit(low)} and ${fmt.logit(high)}`
        : [to > from ? "now answered" : "now without an answer", scored > 0 && `; ${fmt.whole(good)} for the better, ${fmt.whole(scored - good)} not`, found.length > NA_MOST && `; the first ${NA_MOST} are shown`]);
    show(found.map(([, k]) => k));
  };
  // Before the first move: those that a small one would turn.
  const near = readings.map((reading, k) => [reading.margin, k]).filter(([m]) => m !== null && m !== undefined);
  near.sort((a, b) => Math.abs(a[0] - ui.get("threshold")) - Math.abs(b[0] - ui.get("threshold")));
  fill(heading, h("strong", {}, "Nearest to the threshold"), "a small move turns these");
  show(near.slice(0, 8).map(([, k]) => k));
  return { el: h("section", {}, heading, box), turned, mark };
}

/** Whether a turn to answered (or away from it) helps: a right span, or no answer where there is none. */
function better(reading, answered) {
  if (reading.golds === null || reading.golds === undefined) return false;
  const right = reading.golds.length === 0 ? 0 : reading.f1, silent = reading.golds.length === 0 ? 1 : 0;
  return answered ? right > silent : silent > right;
}

function flippedRow(state, k, first) {
  const reading = state.readings[k], answered = state.answers(reading);
  const known = reading.golds !== null;
  const good = known && (answered ? reading.golds.length > 0 && reading.f1 > 0.5 : reading.golds.length === 0);
  const judged = !known ? "not known" : answered ? (reading.golds.length === 0 ? "false answer" : reading.exact === 1 ? "right span" : reading.f1 > 0 ? "partly right" : "wrong span") : (reading.golds.length === 0 ? "right: no answer" : "missed");
  return h("div", { class: "ql-na-row", role: "option", tabindex: first ? 0 : -1, "data-reading": k, "aria-selected": "false" },
    h("span", {}, said(reading.question)),
    h("span", { class: answered ? "" : "ql-soft" }, answered ? said(reading.best) : "no answer"),
    h("span", { class: !known ? "ql-soft" : good ? "ql-na-good" : "ql-na-bad" }, known && `${good ? "✓" : "✗"} `, judged),
    h("span", { class: "ql-soft" }, fmt.logit(reading.margin)));
}

// --- one reading, window by window --------------------------------------------------------------------------------------

function oneReading(state) {
  const el = h("section", {});
  return {
    el,
    show() {
      const reading = lookedAt(state);
      if (reading === null) return fill(el);
      const head = state.many && h("p", {}, h("b", {}, said(reading.question)));
      if (reading.error !== undefined) return fill(el, heading("This text could not be read"), head, h("p", { class: "ql-note" }, reading.error));
      return fill(el, heading("Window by window", reading.windows.length > 1
        ? "null score and best span of each, in logits; the marked ones decide" : "the null score and the best span, in logits"), head, golds(reading), windowTable(state, reading), ruleNote(reading));
    },
  };
}

function heading(title, words = "") {
  return h("div", { class: "ql-h" }, h("strong", {}, title), words);
}

function golds(reading) {
  if (reading.golds === null) return null;
  if (reading.golds.length === 0) return h("p", { class: "ql-soft" }, "Gold: there is no answer.");
  return h("p", { class: "ql-soft" }, "Gold: ", reading.golds.map((gold, k) => [k > 0 && " · ", said(gold)]));
}

function ruleNote(reading) {
  if (reading.windows.length === 1) return null;
  const rule = { min: "The lowest null score counts: one window that is sure of an answer is enough.", max: "The highest null score counts.", mean: "The mean of all null scores counts." }[reading.rule];
  return h("p", { class: "ql-note" }, rule, " The best span of all windows is compared with it.");
}

function windowTable(state, reading) {
  const scores = reading.windows.flatMap(w => [w.null, w.score]).filter(x => x !== null);
  let low = Math.min(0, ...scores.slice(0, 2)), high = low;
  for (const x of scores) [low, high] = [Math.min(low, x), Math.max(high, x)];
  const best = reading.windows.reduce((a, w, k) => (w.score !== null && (a < 0 || w.score > reading.windows[a].score) ? k : a), -1);
  const counted = reading.rule === "mean" ? -1 : reading.windows.reduce((a, w, k) => {
    if (w.null === null) return a;
    const ahead = a < 0 || (reading.rule === "min" ? w.null < reading.windows[a].null : w.null > reading.windows[a].null);
    return ahead ? k : a;
  }, -1);
  const rows = reading.windows.map((window, k) => h("tr", {},
    h("td", {}, window.document === null ? `${k + 1}` : said(window.document), window.held !== null && h("span", { class: "ql-soft" }, ` ${fmt.whole(window.held[0])}–${fmt.whole(window.held[1])}`)),
    h("td", {}, k === counted && reading.windows.length > 1 ? h("b", {}, fmt.logit(window.null), " ◂") : fmt.logit(window.null)),
    h("td", {}, k === best && reading.windows.length > 1 ? h("b", {}, fmt.logit(window.score), " ◂") : fmt.logit(window.score)),
    h("td", {}, window.score === null || window.null === null ? "–" : fmt.signed(window.null - window.score)),
    h("td", {}, fmt.percent(window.none)),
    h("td", { class: "ql-na-best" }, window.best === null ? "–" : said(short(window.best)))));
  return h("div", { class: "ql-na-list" }, h("table", {},
    h("thead", {}, h("tr", {}, [reading.windows[0].document === null ? "window (characters)" : "document (characters)", "null score", "best span", "margin", "P(no answer)", "its best span"].map(name => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows)));
}

function short(text) {
  const line = text.replace(/\s+/g, " "), words = new Words(line);
  let end = Math.min(line.length, 48);
  while (end > 0 && !words.whole(end)) end -= 1;
  return end < line.length ? `${line.slice(0, end)}…` : line;
}
