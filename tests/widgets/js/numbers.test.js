import assert from "node:assert/strict";
import test from "node:test";
import { clamp, fmt, scaleFor, ticks } from "../../../qalens/widgets/js/numbers.js";

test("a probability is never rounded to a 0 or 1 that it is not", () => {
  /** @type {[number | null, string, string][]} */
  const cases = [
    [0, "<0.001", "<0.1%"],
    [1e-9, "<0.001", "<0.1%"],
    [0.5, "0.500", "50.0%"],
    [0.99996, ">0.999", ">99.9%"],
    [1, "1", "100%"],
    [null, "–", "–"],
    [NaN, "–", "–"],
  ];
  for (const [p, probability, percent] of cases) {
    assert.equal(fmt.probability(p), probability);
    assert.equal(fmt.percent(p), percent);
  }
});

test("a logit has a minus sign of its own, and none where it shows a zero", () => {
  assert.equal(fmt.logit(-7.234), "−7.23");
  assert.equal(fmt.logit(-0.001), "0.00");
  assert.equal(fmt.logit(-Infinity), "−∞");
  assert.equal(fmt.signed(1.234), "+1.23");
  assert.equal(fmt.signed(0.001), "0.00");
});

test("counts have their commas and their plural", () => {
  assert.equal(fmt.count(1, "token"), "1 token");
  assert.equal(fmt.count(5120, "token"), "5,120 tokens");
});

test("ticks are round, within their range, and few", () => {
  for (const [low, high] of [
    [-10, 10],
    [0, 1],
    [-3.7, 128.2],
    [5, 5],
  ]) {
    const found = ticks(low, high, 5);
    assert.ok(found.length >= 1 && found.length <= 7);
    for (const tick of found) assert.ok(tick >= low - 1e-9 && tick <= high + 1e-9);
  }
});

test("a scale holds the largest value and no more than needed", () => {
  assert.deepEqual([0, 0.02, 0.03, 0.7, 3].map(scaleFor), [0.02, 0.02, 0.05, 1, 1]);
  assert.deepEqual([clamp(5, 0, 3), clamp(-1, 0, 3), clamp(2, 0, 3)], [3, 0, 2]);
});
