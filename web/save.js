// What the page made, as a file for the visitor.

/**
 * Lets the browser save a file.
 * @param {string} name
 * @param {string | Uint8Array} content
 */
export function saveFile(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([/** @type {any} */ (content)]));
  link.download = name;
  link.click();
  // Not at once: the browser still reads it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
