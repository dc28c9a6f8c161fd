// Runs in the page's own world, before its scripts. Where a person has the session, what these methods do of the browser
// goes to the viewer: a text that is copied, a list or date that a script opens. In all else they are the browser's own.
(() => {
  const { apply } = Reflect;
  const dispatch = EventTarget.prototype.dispatchEvent;
  const Told = CustomEvent;
  const here = document;

  // Returns whether it was taken.
  function offer(target, detail) {
    const event = new Told("PRIORAUTH_EVENT", { detail, bubbles: true, composed: true, cancelable: true });
    return !apply(dispatch, target, [event]);
  }

  function wrap(owner, name, take) {
    const native = owner && owner.prototype[name];
    if (typeof native !== "function") return;
    // A proxy looks like the function behind it, also to those who ask for its text.
    owner.prototype[name] = new Proxy(native, {
      apply: (method, self, args) => take(self, args, () => apply(method, self, args)),
    });
  }

  if (!offer(here, "wrap")) return;

  for (const owner of [globalThis.HTMLInputElement, globalThis.HTMLSelectElement]) {
    wrap(owner, "showPicker", (self, args, native) => (offer(self, "picker") ? undefined : native()));
  }

  wrap(globalThis.Clipboard, "writeText", (self, args, native) =>
    args.length && offer(here, `copy ${args[0]}`) ? Promise.resolve() : native());

  wrap(globalThis.Clipboard, "write", (self, args, native) => {
    const item = Array.isArray(args[0]) && args[0].find((each) => each.types.includes("text/plain"));
    if (!item || !offer(here, "copying")) return native();
    return item.getType("text/plain").then((blob) => blob.text()).then((text) => void offer(here, `copy ${text}`));
  });
})();
