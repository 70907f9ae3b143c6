import assert from "node:assert/strict";
import test from "node:test";
import { fourierOf } from "../../../web/fourier.js";

test("a transform of any length is the sum that defines it", () => {
  for (const n of [1, 2, 3, 4, 5, 8, 12, 16, 17, 32, 100, 128, 441, 1000]) {
    const re = Float64Array.from({ length: n }, (_, i) => Math.sin(i * i));
    const im = Float64Array.from({ length: n }, (_, i) => Math.cos(3 * i + i * i));
    const [gotRe, gotIm] = [re.slice(), im.slice()];
    const transform = fourierOf(n);
    // What is left in its room from before must not show.
    transform(new Float64Array(n).fill(7), new Float64Array(n).fill(-3));
    transform(gotRe, gotIm);
    for (let k = 0; k < n; k += 1) {
      let [wantRe, wantIm] = [0, 0];
      for (let j = 0; j < n; j += 1) {
        const turn = (-2 * Math.PI * ((j * k) % n)) / n;
        wantRe += re[j] * Math.cos(turn) - im[j] * Math.sin(turn);
        wantIm += re[j] * Math.sin(turn) + im[j] * Math.cos(turn);
      }
      const off = Math.hypot(gotRe[k] - wantRe, gotIm[k] - wantIm);
      assert.ok(off < 1e-11, `length ${n}, bin ${k}: off by ${off}`);
    }
  }
});
