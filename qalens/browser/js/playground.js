// @ts-check
// The page: fields, the explorers of what was read, and what else one can try. Text is only ever set as text.

import { fill, h, said } from "../../widgets/js/dom.js";
import { fmt } from "../../widgets/js/numbers.js";
import { answerAt, decisionSentence } from "./decision.js";

/** @typedef {import("./decision.js").Facts & {noAnswer: number}} Found
 * @typedef {Found & {view: any, arrays: Record<string, any>, windows: any}} Reading
 * @typedef {{question: string, context: string, reading: Reading}} Shown
 * @typedef {{label: string, question: string, context: string}} Example */

const PAUSE = 500, // milliseconds without a key after which a text is read
  REST = 200; // milliseconds after which a move of the threshold has ended
// What is chosen in the explorer of spans at first.
const CHOSEN = { selected: null, scale: "probability", given_answer: true };

/** The sentences of a text as ranges of characters. */
export function sentencesOf(/** @type {string} */ text) {
  /** @type {[number, number][]} */
  const found = [];
  let at = 0;
  for (const { segment } of new Intl.Segmenter("en", { granularity: "sentence" }).segment(text)) {
    const size = Array.from(segment).length;
    if (segment.trim()) found.push([at, at + size]);
    at += size;
  }
  return found;
}

/** The bytes of letters, each two of which are 13 bits. */
export function bytesOf(/** @type {string} */ letters, /** @type {number} */ size) {
  const bytes = new Uint8Array(size);
  const digit = (/** @type {number} */ code) => code - (code > 60 ? 36 : 35);
  for (let from = 0, to = 0, held = 0, bits = 0; to < size; from += 2) {
    held = (held << 13) | (91 * digit(letters.charCodeAt(from)) + digit(letters.charCodeAt(from + 1)));
    for (bits += 13; bits >= 8 && to < size; to++) {
      bits -= 8;
      bytes[to] = held >> bits;
    }
    held &= (1 << bits) - 1;
  }
  return bytes;
}

class Playground {
  constructor(/** @type {any} */ facts, /** @type {Worker} */ worker) {
    this.facts = facts;
    this.worker = worker;
    this.number = 0;
    this.asked = { question: "", context: "" };
    /** @type {Shown | null} */
    this.shown = null;
    /** @type {Shown | null} */
    this.pinned = null;
    /** @type {{spans: any, decision: any} | null} */
    this.models = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.rest = undefined;
    this.start();
  }
  /** @returns {any} */
  part(/** @type {string} */ id) {
    return document.getElementById(id);
  }
  start() {
    for (const id of ["question", "context"]) this.part(id).addEventListener("input", () => this.later());
    this.part("stop").addEventListener("click", () => this.stop());
    this.part("pin").addEventListener("click", () => {
      this.pinned = this.shown;
      this.compare();
    });
    this.part("back").addEventListener("click", () => {
      if (this.pinned !== null) this.put(this.pinned.question, this.pinned.context);
    });
    this.part("leave-out").addEventListener("click", () => this.leaveOut());
    this.facts.examples.forEach((/** @type {Example} */ example) => this.offer(example));
    this.worker.addEventListener("message", event => this.hear(event.data));
    this.put(this.facts.examples[0].question, this.facts.examples[0].context);
  }
  /** A button that puts an example into the fields. */
  offer(/** @type {Example} */ { label, question, context }) {
    const button = h("button", { type: "button" }, label);
    button.addEventListener("click", () => this.put(question, context));
    this.part("examples").append(button);
  }
  put(/** @type {string} */ question, /** @type {string} */ context) {
    this.part("question").value = question;
    this.part("context").value = context;
    this.read();
  }
  later() {
    clearTimeout(this.timer);
    this.part("result").classList.add("old");
    this.say("changed; read in a moment");
    this.timer = setTimeout(() => this.read(), PAUSE);
  }
  read() {
    clearTimeout(this.timer);
    const question = this.part("question").value,
      context = this.part("context").value;
    this.part("result").classList.add("old");
    if (!question.trim() || !context.trim()) {
      this.ask({ type: "stop" });
      this.say(question.trim() ? "Type or paste a text to read." : "Type a question.");
      return;
    }
    this.asked = { question, context };
    this.say("reading");
    this.part("stop").hidden = false;
    this.ask({ type: "read", question, context });
  }
  /** What is asked now is the only thing that is listened to. */
  ask(/** @type {any} */ message) {
    this.number++;
    this.worker.postMessage({ ...message, number: this.number });
  }
  stop() {
    this.ask({ type: "stop" });
    this.part("stop").hidden = true;
    this.say("stopped; what stands below is of an earlier text");
  }
  say(/** @type {string} */ text) {
    this.part("status").textContent = text;
  }
  hear(/** @type {any} */ message) {
    if (message.number !== this.number) return;
    if (message.type === "window") {
      if (message.windows > 1) this.say(`reading window ${message.window} of ${message.windows}`);
    } else if (message.type === "sentence") this.addSentence(message);
    else {
      this.part("stop").hidden = true;
      this.say(message.type === "failed" ? `This text could not be read: ${message.reason}` : "");
      if (message.type === "reading") this.show({ ...this.asked, reading: message.reading });
    }
  }
  show(/** @type {Shown} */ shown) {
    this.shown = shown;
    const { arrays, windows } = shown.reading;
    if (this.models === null) this.open(shown);
    else {
      const { spans, decision } = this.models;
      for (const [name, value] of Object.entries(arrays)) spans.set(name, value);
      spans.set("selected", null);
      spans.set("view", this.spanView(shown));
      decision.set("view", windows);
    }
    fill(this.part("sentences"));
    this.compare();
    this.part("result").hidden = false;
    this.part("result").classList.remove("old");
  }
  /** Draw both explorers for the first time. */
  open(/** @type {Shown} */ shown) {
    const { arrays, windows } = shown.reading;
    const decision = noAnswerExplorer.stillModel({ view: windows, threshold: this.facts.threshold, selected: 0 });
    this.models = { spans: null, decision };
    this.models.spans = spanExplorer.stillModel({ view: this.spanView(shown), ...arrays, ...CHOSEN });
    // An explorer finds its size where it is seen.
    this.part("result").hidden = false;
    spanExplorer.draw({ model: this.models.spans, el: this.part("spans") });
    noAnswerExplorer.draw({ model: decision, el: this.part("decision") });
    decision.on("change:threshold", () => {
      clearTimeout(this.rest);
      this.rest = setTimeout(() => this.decide(), REST);
    });
  }
  get threshold() {
    return this.models?.decision.get("threshold");
  }
  /** What the explorer of spans shows at the present threshold. */
  spanView(/** @type {Shown} */ { reading }) {
    const answered = answerAt(reading, this.threshold) !== null;
    return {
      ...reading.view,
      head: reading.windows.heads[answered ? 1 : 0],
      answer: answered ? reading.view.best : null,
      numbers: answered ? reading.view.numbers : [],
      below: [["p", { class: "ql-note" }, decisionSentence(reading, this.threshold)], ...reading.view.below],
    };
  }
  decide() {
    if (this.models === null || this.shown === null) return;
    this.models.spans.set("view", this.spanView(this.shown));
    this.compare();
  }
  /** The kept reading beside the one that is shown. */
  compare() {
    this.part("back").hidden = this.pinned === null;
    if (this.pinned === null || this.shown === null) return;
    const now = this.shown.reading,
      before = this.pinned.reading;
    fill(
      this.part("compared"),
      "Before: ",
      this.answerWords(before),
      ". Now: ",
      this.answerWords(now),
      `. The null margin went from ${fmt.signed(before.margin)} to ${fmt.signed(now.margin)} logits.`,
    );
  }
  answerWords(/** @type {Found} */ found) {
    const answer = answerAt(found, this.threshold);
    return answer === null
      ? `no answer (${fmt.percent(found.noAnswer)})`
      : ["“", said(answer.text), `” (${fmt.percent(answer.p)})`];
  }
  leaveOut() {
    if (this.shown === null) return;
    const sentences = sentencesOf(this.shown.context);
    fill(this.part("sentences"));
    this.part("stop").hidden = false;
    this.say(`sentence 1 of ${sentences.length}`);
    this.ask({ type: "leaveOut", question: this.shown.question, context: this.shown.context, sentences });
  }
  addSentence(/** @type {any} */ { k, of, reading }) {
    if (this.shown === null) return;
    const { context, reading: whole } = this.shown;
    const [start, end] = sentencesOf(context)[k];
    const text = Array.from(context).slice(start, end).join("").trim();
    const turned = answerAt(whole, this.threshold)?.text !== answerAt(reading, this.threshold)?.text;
    const change = `, null margin ${fmt.signed(reading.margin - whole.margin)}.`;
    const without = h("span", { class: "small" }, " Without it: ", this.answerWords(reading), change);
    this.part("sentences").append(h("li", { class: turned ? "turned" : null }, said(text), without));
    this.say(k + 1 < of ? `sentence ${k + 2} of ${of}` : "");
  }
}

/** The bytes of a compressed part of the page, which is then let go. */
async function unpacked(/** @type {string} */ id) {
  const part = /** @type {HTMLElement} */ (document.getElementById(id));
  const bytes = bytesOf(part.textContent, Number(part.dataset.bytes));
  part.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function open() {
  spanExplorer.fitFrame(document.body);
  /** @type {HTMLElement} */ (document.getElementById("status")).textContent = "loading the model";
  const [factsText, script, wasm, model] = await Promise.all(["facts-data", "worker", "wasm", "model"].map(unpacked));
  const facts = JSON.parse(new TextDecoder().decode(factsText));
  const worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  await new Promise((resolve, reject) => {
    worker.onmessage = event => (event.data.type === "ready" ? resolve(null) : reject(new Error(event.data.reason)));
    worker.onerror = event => reject(new Error(event.message));
    worker.postMessage({ type: "load", facts, wasm, model }, [wasm.buffer, model.buffer]);
  });
  worker.onmessage = null;
  Object.assign(window, { playground: new Playground(facts, worker) });
}

if (typeof document !== "undefined") {
  open().catch(error => {
    const status = /** @type {HTMLElement} */ (document.getElementById("status"));
    status.textContent = `This browser cannot run the model: ${error.message}`;
  });
}
