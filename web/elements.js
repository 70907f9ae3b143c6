// Elements of the page, and the lines in which its parts say what they do.

/** So soon after the first a second click is that of a double click, not meant for what the first one showed. */
const DOUBLE_CLICK_MS = 500;

/**
 * For work that a click begins and another one on its button ends: `stop` is for that click, `abort` ends it anyhow.
 */
export function stoppable() {
  const controller = new AbortController();
  const begin = performance.now();
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    stop() {
      if (performance.now() - begin > DOUBLE_CLICK_MS) controller.abort();
    },
  };
}

/**
 * An element of the page.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function elementOf(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no element "${id}"`);
  return element;
}

/**
 * Calls `draw` where pictures have to be drawn anew: of another size, or in the colours of dark, light or paper.
 * @param {() => void} draw
 */
export function drawAnew(draw) {
  globalThis.addEventListener("resize", draw);
  for (const media of ["(prefers-color-scheme: dark)", "print"]) {
    globalThis.matchMedia(media).addEventListener("change", draw);
  }
}

/**
 * The line of an element with the role `status`: a screen reader announces what is said in it, and leaves out
 * progress, which changes many times a second.
 * @param {string} id
 * @returns {{ say(words: string, failed?: boolean): void, progress(words: string): void }}
 */
export function statusLine(id) {
  const line = elementOf(id, HTMLElement);
  function write(/** @type {string} */ words, /** @type {"polite" | "off"} */ live, failed = false) {
    line.setAttribute("aria-live", live);
    line.classList.toggle("warning", failed);
    line.textContent = words;
  }
  return {
    say: (words, failed) => write(words, "polite", failed),
    progress: (words) => write(words, "off"),
  };
}
