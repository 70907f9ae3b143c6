/** Resolves in a later task, so that the page can draw and answer its visitor. */
export function pause() {
  return new Promise((done) => {
    setTimeout(done, 0);
  });
}
