import assert from "node:assert/strict";
import test from "node:test";
import { decimals } from "../../../web/decimals.js";

// As Rust's format!("{:.1}", …) writes them.
test("the very middle goes to the even digit, all else to the nearest", () => {
  for (const [x, digits, text] of [
    [0.5, 0, "0"], [1.5, 0, "2"], [2.5, 0, "2"], [12.5, 0, "12"], [37.5, 0, "38"], [-2.5, 0, "-2"],
    [0.125, 2, "0.12"], [0.375, 2, "0.38"], [0.25, 1, "0.2"], [0.145, 2, "0.14"], [0.165, 2, "0.17"],
    [2.5000000000000004, 0, "3"], [9.99, 1, "10.0"], [7, 0, "7"], [-84.3, 0, "-84"], [0, 2, "0.00"],
  ]) {
    assert.equal(decimals(x, digits), text, `${x} with ${digits}`);
  }
});
