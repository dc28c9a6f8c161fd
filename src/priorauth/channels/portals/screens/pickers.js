// Runs in a world of its own in each document: the page's scripts see neither it nor its binding. It tells of lists, dates
// and colours that are about to open, whose popups no frame would show, and of the text that is selected or copied. And it
// takes the focus away that a page gives itself: only what the person presses, or reaches by Tab, gets it.
(() => {
  if (globalThis.priorauthPickers) {
    globalThis.priorauthPickers.on = true;
    globalThis.priorauthPickers.rest();
    tell({ type: "here" });
    return;
  }
  const TYPED = ["date", "time", "month", "week", "datetime-local", "color"];
  const SUGGESTED = ["text", "search", "url", "tel", "email", "number"];
  // A page that takes the focus back each time it is taken away must not hang over it.
  const AT_MOST_A_SECOND = 100;
  const COPIES_A_SECOND = 5;
  const PICKERS_APART_MS = 200;
  const TEXT_LIMIT = 200000;
  const pickers = { on: true, fields: new Map(), next: 1, touched: false, scrolled: false, taken: 0, since: 0, wrapped: false };
  globalThis.priorauthPickers = pickers;

  function tell(message) {
    globalThis.priorauthTell(JSON.stringify(message));
  }

  function fieldOf(event) {
    const at = event.composedPath()[0];
    const field = at instanceof Element ? at.closest("select, input") : null;
    if (!field || field.disabled) return null;
    if (field.localName === "select") return field;
    return TYPED.includes(field.type) && !field.readOnly ? field : null;
  }

  function labelOf(field) {
    const label = field.labels && field.labels[0];
    return (field.getAttribute("aria-label") || (label && label.innerText) || field.name || "").slice(0, 1000).trim().slice(0, 200);
  }

  function offer(field) {
    const ref = pickers.next++;
    pickers.fields.clear();
    pickers.fields.set(ref, field);
    const message = { type: "pick", ref, label: labelOf(field), value: field.value.slice(0, 500) };
    if (field.localName === "select") {
      message.kind = "select";
      message.multiple = field.multiple;
      message.options = [...field.options].slice(0, 2000).map((option) => ({
        label: option.label.slice(0, 200),
        group: option.parentElement.localName === "optgroup" ? option.parentElement.label.slice(0, 200) : "",
        disabled: option.disabled || option.parentElement.disabled === true,
        selected: option.selected,
      }));
    } else {
      const [min, max, step] = [field.min, field.max, field.step].map((bound) => bound.slice(0, 64));
      Object.assign(message, { kind: field.type, min, max, step });
    }
    tell(message);
  }

  function offerAny(event) {
    const field = fieldOf(event);
    if (field) offer(field);
    return field !== null || suggest(event.composedPath()[0]);
  }

  // The values of a `datalist` that fit what is typed. Returns whether the field has such a list.
  function suggest(field) {
    if (!(field instanceof HTMLInputElement) || !SUGGESTED.includes(field.type)) return false;
    if (!field.list || field.disabled || field.readOnly) return false;
    if (suggesting.field !== field) {
      suggesting.seen.disconnect();
      // Portals fill such a list when something has been typed.
      suggesting.seen.observe(field.list, { childList: true, subtree: true, attributes: true });
    }
    suggesting.field = field;
    const typed = field.value.toLowerCase();
    const fits = (option) => option.value && `${option.value}\n${option.label}`.toLowerCase().includes(typed);
    const found = [...field.list.options].slice(0, 5000).filter((option) => !option.disabled && fits(option)).slice(0, 100);
    const told = suggesting.ref !== 0;
    suggesting.ref = 0;
    if (!found.length || (found.length === 1 && found[0].value === field.value)) {
      if (told) tell({ type: "withdrawn" });
      return true;
    }
    const ref = (suggesting.ref = pickers.next++);
    pickers.fields.clear();
    pickers.fields.set(ref, field);
    suggesting.values = found.map((option) => option.value);
    const options = found.map(({ value, label }) => ({
      label: (label && label !== value ? `${value} (${label})` : value).slice(0, 200), group: "", disabled: false, selected: false,
    }));
    tell({ type: "pick", ref, kind: "suggestions", label: labelOf(field), value: field.value.slice(0, 500), options });
    return true;
  }

  const suggesting = { field: null, ref: 0, values: [], waits: 0, seen: new MutationObserver(suggestLater) };

  function suggestLater() {
    suggesting.waits ||= setTimeout(() => {
      suggesting.waits = 0;
      if (pickers.on && suggesting.field !== null && focused() === suggesting.field) suggest(suggesting.field);
    }, 100);
  }

  function suggestNoMore() {
    suggesting.seen.disconnect();
    if (pickers.on && suggesting.ref) tell({ type: "withdrawn" });
    Object.assign(suggesting, { field: null, ref: 0, values: [] });
  }

  function onInput(event) {
    if (pickers.on && event.isTrusted) suggest(event.composedPath()[0]);
  }

  function onSuggestingKey(event) {
    if (!pickers.on || !event.isTrusted || event.ctrlKey || event.metaKey) return;
    if (["ArrowDown", "ArrowUp"].includes(event.key)) suggest(event.composedPath()[0]);
    else if (["Escape", "Enter", "Tab"].includes(event.key)) suggestNoMore();
  }

  pickers.field = (ref) => pickers.fields.get(ref);

  pickers.set = (ref, chosen) => {
    const field = pickers.fields.get(ref);
    pickers.fields.delete(ref);
    if (!field || !field.isConnected || field.disabled) return false;
    let changed = false;
    if (ref === suggesting.ref) {
      const value = suggesting.values[chosen.options[0]];
      changed = value !== undefined && field.value !== value;
      if (changed) field.value = value;
      suggesting.ref = 0;
    } else if (field.localName === "select") {
      [...field.options].forEach((option, place) => {
        const selected = chosen.options.includes(place);
        changed ||= option.selected !== selected;
        if (field.multiple) option.selected = selected;
        else if (selected) field.selectedIndex = place;
      });
    } else {
      changed = field.value !== chosen.value;
      field.value = chosen.value;
    }
    if (changed) {
      field.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    return true;
  };

  // Nothing has the focus, and the top of the page shows.
  pickers.rest = () => {
    pickers.touched = pickers.scrolled = false;
    pickers.taken = 0;
    const held = focused();
    if (held && held !== document.body) held.blur();
    showTop();
  };

  function showTop() {
    scrollTo({ left: 0, top: 0, behavior: "instant" });
  }

  function onFocus(event) {
    if (!pickers.on || pickers.touched) return;
    const at = event.composedPath()[0];
    if (!at || at === window || typeof at.blur !== "function") return;
    const now = performance.now();
    if (now - pickers.since > 1000) {
      pickers.since = now;
      pickers.taken = 0;
    }
    if (++pickers.taken > AT_MOST_A_SECOND) return;
    at.blur();
    // The browser shows what it has given the focus to, after it has told of it.
    setTimeout(() => pickers.touched || pickers.scrolled || showTop());
  }

  function onPress(event) {
    if (event.isTrusted && event.type === "mousedown") pickers.touched = true;
    if (!pickers.on || !event.isTrusted || event.button !== 0) return;
    const field = fieldOf(event);
    if (!field) {
      if (event.type === "mousedown") suggest(event.composedPath()[0]);
      return;
    }
    // Without its default the browser opens no popup of its own, which would take the next click for itself.
    event.preventDefault();
    if (event.type === "mousedown") {
      field.focus();
      offer(field);
    }
  }

  function onKey(event) {
    if (event.isTrusted && event.key === "Tab") pickers.touched = true;
    if (!pickers.on || !event.isTrusted || event.ctrlKey || event.metaKey) return;
    const opens = event.altKey ? ["ArrowDown", "ArrowUp"].includes(event.key) : [" ", "F4"].includes(event.key);
    const field = opens || event.key === "Enter" ? fieldOf(event) : null;
    if (!field || (!opens && field.type !== "color") || (field.localName === "select" && field.size > 1)) return;
    event.preventDefault();
    offer(field);
  }

  // Back, forward and reload by key, as a browser has them: after the page, which may have other uses for the key.
  function onShortcut(event) {
    if (!pickers.on || !event.isTrusted || event.repeat) return;
    const to = navigationOf(event);
    if (to) setTimeout(() => event.defaultPrevented || !pickers.on || tell({ type: "navigate", to }));
  }

  function navigationOf({ key, code, altKey, ctrlKey, shiftKey }) {
    if (altKey && !ctrlKey && !shiftKey) return { ArrowLeft: "back", ArrowRight: "forward" }[key];
    const reloads = key === "F5" || (ctrlKey && (key === "r" || key === "R" || (code === "KeyR" && key > "\u007f")));
    if (reloads) return altKey ? undefined : "reload";
    return { BrowserBack: "back", BrowserForward: "forward", BrowserRefresh: "reload" }[key];
  }

  let waiting = 0;
  let told = "";

  function onSelection() {
    if (!pickers.on || waiting) return;
    waiting = setTimeout(() => {
      waiting = 0;
      const text = selected().slice(0, TEXT_LIMIT);
      if (pickers.on && text !== told) tell({ type: "selected", text: (told = text) });
    }, 60);
  }

  function selected() {
    const field = focused();
    const isText = field && (field.localName === "textarea" || field.localName === "input");
    if (isText && field.type === "password") return "";
    if (isText && typeof field.selectionStart === "number") {
      return field.value.slice(field.selectionStart, field.selectionEnd);
    }
    // E-mail and number fields tell no places, but what is selected in them.
    return String(getSelection() || "");
  }

  function focused() {
    let held = document.activeElement;
    while (held && held.shadowRoot && held.shadowRoot.activeElement) held = held.shadowRoot.activeElement;
    return held;
  }

  // What the page copies itself, by `execCommand` or a listener of its own. Its listeners may change the text.
  let copy = null;

  function onCopy(event) {
    if (!pickers.on || !event.isTrusted) return;
    if (copy !== null && copy.event === event) {
      if (event.defaultPrevented) copy.text = event.clipboardData.getData("text/plain");
      return;
    }
    const mine = (copy = { event, text: selected() });
    setTimeout(() => copied(mine.text));
  }

  const copies = { told: 0, since: 0 };

  function copied(text) {
    const now = performance.now();
    // What is selected next is told, also where it is what was told last.
    told = null;
    if (now - copies.since > 1000) Object.assign(copies, { told: 0, since: now });
    if (pickers.on && text && ++copies.told <= COPIES_A_SECOND) tell({ type: "copied", text: text.slice(0, TEXT_LIMIT) });
  }

  // A script that opens pickers without end has one shown now and then.
  function isTooSoon() {
    const now = performance.now();
    if (now - opened < PICKERS_APART_MS) return true;
    opened = now;
    return false;
  }

  let opened = -Infinity;

  // From the methods of the page's own world.
  function onMethod(event) {
    const what = event.detail;
    if (typeof what !== "string") return;
    event.stopImmediatePropagation();
    if (what === "wrap") {
      if (!pickers.wrapped) event.preventDefault();
      pickers.wrapped = true;
      return;
    }
    // As the browser itself: only soon after the person has done something.
    if (!pickers.on || !navigator.userActivation.isActive) return;
    if (what === "picker" && !isTooSoon() && !offerAny(event)) return;
    event.preventDefault();
    if (what.startsWith("copy ")) copied(what.slice("copy ".length));
  }

  addEventListener("mousedown", onPress, true);
  addEventListener("click", onPress, true);
  addEventListener("keydown", onKey, true);
  addEventListener("keydown", onShortcut, true);
  addEventListener("keydown", onSuggestingKey, true);
  addEventListener("input", onInput, true);
  addEventListener("focusout", (event) => event.composedPath()[0] === suggesting.field && suggestNoMore(), true);
  addEventListener("focusin", onFocus, true);
  addEventListener("wheel", (event) => (pickers.scrolled ||= event.isTrusted), { capture: true, passive: true });
  document.addEventListener("selectionchange", onSelection, true);
  addEventListener("copy", onCopy, true);
  addEventListener("copy", onCopy);
  addEventListener("PRIORAUTH_EVENT", onMethod, true);
  if (document.body) pickers.rest();
  tell({ type: "here" });
})();
