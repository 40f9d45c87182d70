import assert from "node:assert/strict";
import test from "node:test";
import { cut, cutMiddle, lastAtMost, Words } from "../../../qalens/widgets/js/words.js";

const TEXTS = ["Ada kept the lamp.", "𝔸𝕕𝕒 kept 👩‍👩‍👧 it", "e\u0301a\u0323", "", "\r\nAda"];

test("code points and units are two ways to name one place", () => {
  for (const text of TEXTS) {
    const words = new Words(text),
      points = [...text];
    assert.equal(words.length, points.length);
    for (let k = 0; k <= points.length; k++) {
      assert.equal(words.unit(k), points.slice(0, k).join("").length);
      if (k < points.length) assert.equal(words.point(words.unit(k)), k);
    }
    assert.equal(words.slice(0, points.length), text);
  }
});

test("a cut is never within what a reader sees as one character", () => {
  for (const text of TEXTS) {
    const whole = new Set([0, text.length, ...[...new Intl.Segmenter().segment(text)].map(part => part.index)]);
    for (let unit = 0; unit <= text.length; unit++) assert.equal(new Words(text).whole(unit), whole.has(unit));
  }
  assert.equal(cut("👩‍👩‍👧".repeat(5), 9), `${"👩‍👩‍👧"}…`);
  assert.equal(cut("short\n text", 40), "short text");
  const middle = cutMiddle("a long text that has a middle", 20);
  assert.ok(middle.startsWith("a long tex") && middle.endsWith("a middle") && middle.length <= 20);
});

test("the last index at most x is that of a plain search", () => {
  const sorted = [1, 3, 3, 8];
  for (let x = 0; x < 10; x++)
    assert.equal(
      lastAtMost(sorted, x),
      sorted.findLastIndex(value => value <= x),
    );
});
