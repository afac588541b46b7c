// Runs before any script of the page: remembers which elements listen to clicks, because a page's own
// markup does not say so. Never changes what a listener does.
(() => {
  const key = Symbol.for("halo.listeners");
  if (window[key]) return;
  const heard = new WeakSet();
  Object.defineProperty(window, key, { value: heard, enumerable: false });
  const add = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (type === "click" || type === "mousedown" || type === "pointerdown") {
      if (this instanceof Element) heard.add(this);
    }
    return add.call(this, type, ...rest);
  };
})();
