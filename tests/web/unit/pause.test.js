import assert from "node:assert/strict";
import test from "node:test";
import { pause, pauseEvery } from "../../../web/pause.js";

test("a pause lets other tasks run, with and without the browser's scheduler", async () => {
  let ran = false;
  setImmediate(() => { ran = true; });
  while (!ran) await pause();
  let yields = 0;
  globalThis.scheduler = { yield: async () => { yields += 1; } };
  try {
    await pause();
    const [often, seldom] = [pauseEvery(0), pauseEvery(1e9)];
    for (let i = 0; i < 5; i += 1) {
      await often();
      await seldom();
    }
  } finally {
    delete globalThis.scheduler;
  }
  assert.equal(yields, 6);
});
