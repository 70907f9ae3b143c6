// Lets the page breathe: between two pieces of work, input is handled and the page is painted.

/**
 * Resolves in a later task, behind those that wait. Not setTimeout, which browsers delay by 4 ms when it repeats, and
 * by a second where the page is in the background; not scheduler.yield, which goes before other tasks.
 * @returns {Promise<void>}
 */
export function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/**
 * For loops: a function to await often, which pauses where so much time has passed since its last pause.
 * @param {number} milliseconds
 * @returns {() => Promise<void>}
 */
export function pauseEvery(milliseconds) {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < milliseconds) return;
    await pause();
    last = performance.now();
  };
}
