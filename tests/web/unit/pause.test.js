import assert from "node:assert/strict";
import test from "node:test";
import { pause, pauseEvery } from "../../../web/pause.js";

test("a pause lets other tasks run", async () => {
  let ran = false;
  setImmediate(() => { ran = true; });
  while (!ran) await pause();
});

test("work pauses where so much time has passed, and not before", async () => {
  let ran = false;
  setImmediate(() => { ran = true; });
  const seldom = pauseEvery(1e9);
  for (let i = 0; i < 5; i += 1) await seldom();
  assert.equal(ran, false);
  const often = pauseEvery(0);
  while (!ran) await often();
});
