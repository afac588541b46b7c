// Waits until the document has been quiet for `quiet` milliseconds, and no longer than `most`.
([quiet, most, exclude]) => new Promise((resolve) => {
  const started = performance.now();
  let timer = null;
  const finish = () => { watcher.disconnect(); resolve(true); };
  const outside = exclude ? Array.from(document.querySelectorAll(exclude)) : [];
  const watcher = new MutationObserver((changes) => {
    if (changes.every((c) => outside.some((o) => o.contains(c.target)))) return;
    clearTimeout(timer);
    const left = most - (performance.now() - started);
    timer = setTimeout(finish, Math.max(0, Math.min(quiet, left)));
  });
  watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  timer = setTimeout(finish, quiet);
})
