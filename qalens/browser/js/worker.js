// @ts-check
// The model in a thread of its own: windows of a question and a text in, a reading out, and a word after each window.

import { distributionOf } from "./distribution.js";
import { tokenizer } from "./tokenizer.js";
import { noAnswerView, spanArrays, spanView } from "./views.js";
import { makeWindows } from "./windows.js";

// `runtime` is onnxruntime-web, which the page puts before these modules.
/** @type {any} */
let session = null;
/** @type {any} */
let facts = null;
/** @type {(text: string) => import("./tokenizer.js").Encoding} */
let encode = () => ({ ids: [], starts: [], ends: [] });
let current = 0;

/** A pause in which a newer question, or a stop, is heard. */
const pause = () => new Promise(resolve => setTimeout(resolve));

async function load(/** @type {any} */ given) {
  facts = given.facts;
  encode = tokenizer(facts.tables);
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmBinary = given.wasm;
  session = await runtime.InferenceSession.create(given.model, {
    executionProviders: ["wasm"],
    // Weights become float32 once, here, and not for every window again.
    extra: { session: { disable_quant_qdq: "1" } },
  });
}

/** Logits of one window, each token of it. */
async function logitsOf(/** @type {import("./windows.js").Window} */ window) {
  const shape = [1, window.ids.length];
  const tensor = (/** @type {number[]} */ values) =>
    new runtime.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
  /** @type {Record<string, any>} */
  const inputs = { input_ids: tensor(window.ids), attention_mask: tensor(window.ids.map(() => 1)) };
  if (facts.segments) inputs.token_type_ids = tensor(window.types);
  const { start, end } = await session.run(inputs);
  return { start: Float32Array.from(start.data), end: Float32Array.from(end.data) };
}

/** One question and text; null where something newer was asked meanwhile. */
async function read(
  /** @type {number} */ number,
  /** @type {string} */ question,
  /** @type {string} */ context,
  /** @type {(window: number, windows: number) => void} */ tell,
) {
  const asked = encode(question),
    text = encode(context);
  const windows = makeWindows(facts.template, asked, text, facts.maxLength, facts.stride);
  const logits = [];
  for (const [k, window] of windows.entries()) {
    tell(k + 1, windows.length);
    await pause();
    if (number !== current) return null;
    logits.push(await logitsOf(window));
  }
  return { found: distributionOf(context, text, windows, logits, facts.longest), text };
}

/** What a decision needs of a reading, as plain values. */
function plain(/** @type {import("./distribution.js").Distribution} */ found) {
  const { best } = found;
  return {
    best: best === null ? null : { ...best, text: found.textOf(best), p: found.probability(best) },
    margin: found.margin,
    noAnswer: found.noAnswer,
    nullScore: found.nullScore,
  };
}

async function answer(/** @type {any} */ message) {
  const { number, question, context } = message;
  const read_ = await read(number, question, context, (window, windows) =>
    postMessage({ type: "window", number, window, windows }),
  );
  if (read_ === null) return;
  const { found, text } = read_;
  const reading = {
    ...plain(found),
    view: spanView(found),
    arrays: spanArrays(found),
    windows: noAnswerView(found, question, text),
  };
  postMessage({ type: "reading", number, reading });
}

/** The text without one of its sentences after the other. */
async function leaveOut(/** @type {any} */ message) {
  const { number, question, context, sentences } = message;
  const characters = Array.from(context);
  for (const [k, [start, end]] of sentences.entries()) {
    const rest = [...characters.slice(0, start), ...characters.slice(end)].join("");
    if (!rest.trim()) continue;
    const without = await read(number, question, rest, () => {});
    if (without === null) return;
    postMessage({ type: "sentence", number, k, of: sentences.length, reading: plain(without.found) });
  }
  postMessage({ type: "done", number });
}

/** @type {Record<string, (message: any) => Promise<void>>} */
const work = {
  load: async message => {
    await load(message);
    postMessage({ type: "ready" });
  },
  read: answer,
  leaveOut,
  stop: async () => {},
};

addEventListener("message", event => {
  const message = event.data;
  if (message.number !== undefined) current = message.number;
  work[message.type](message).catch(error =>
    postMessage({ type: "failed", number: message.number, reason: String(error?.message ?? error) }),
  );
});
