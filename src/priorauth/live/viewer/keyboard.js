// Keys, composed text and the clipboard, taken by a text field that nobody sees: so phones and input methods work as in any.

import { APPLE, modifiersOf } from "./screen.js";

// Something to delete, so that the keyboards of phones tell of it.
const GROUND = "\u200b\u200b\u200b\u200b";

const PAGES = { "[": "BrowserBack", "]": "BrowserForward" };

// As much as a message takes.
const AT_ONCE = 100_000;

export class Keyboard {
  // `enterSuggestions`: goes into a list of suggestions, if there is one.
  constructor({ field, send, may, leave, enterSuggestions }) {
    Object.assign(this, { field, send, may, leave, enterSuggestions });
    this.down = new Map();
    this.selected = this.copied = "";
    this.reset();
    field.addEventListener("keydown", (event) => this.keyDown(event));
    field.addEventListener("keyup", (event) => this.keyUp(event));
    field.addEventListener("input", (event) => this.typed(event));
    field.addEventListener("compositionupdate", (event) => this.compose(event.data || ""));
    field.addEventListener("compositionend", (event) => this.composed(event.data || ""));
    field.addEventListener("paste", (event) => this.paste(event));
    // Without it a browser copies nothing from a field where nothing is selected.
    field.addEventListener("beforecopy", (event) => event.preventDefault());
    field.addEventListener("copy", (event) => this.copy(event, this.copied || this.selected));
    field.addEventListener("cut", (event) => this.copy(event, this.selected) && this.tap("Delete"));
    field.addEventListener("blur", () => this.lift());
    field.addEventListener("focus", () => this.reset());
  }

  reset() {
    this.field.value = GROUND;
    this.field.setSelectionRange(GROUND.length, GROUND.length);
  }

  keyDown(event) {
    if (event.key === "Escape" && event.ctrlKey && event.altKey) {
      event.preventDefault();
      this.leave();
      return;
    }
    const composing = event.isComposing || event.keyCode === 229 || ["Dead", "Process", "Unidentified"].includes(event.key);
    if (composing || !this.may() || this.isClipboard(event)) return;
    event.preventDefault();
    if (event.key === "ArrowDown" && !modifiersOf(event) && this.enterSuggestions()) return;
    this.down.set(event.code || event.key, event);
    this.send(this.keyOf(event, "down"));
  }

  keyUp(event) {
    const code = event.code || event.key;
    if (!this.down.delete(code)) return;
    event.preventDefault();
    this.send(this.keyOf(event, "up"));
  }

  keyOf(event, motion) {
    let modifiers = modifiersOf(event);
    let key = event.key;
    // The portal's browser is no Apple: there Ctrl does what Cmd does here.
    if (APPLE && modifiers & 4) modifiers = (modifiers & ~4) | 2;
    if (APPLE && key === "Meta") key = "Control";
    const code = APPLE && event.key === "Meta" ? event.code.replace("Meta", "Control") : event.code;
    // What Apple keyboards have for a page back or forward.
    if (APPLE && event.metaKey && PAGES[key]) {
      return { type: "key", motion, key: PAGES[key], code: PAGES[key], modifiers: 0, location: 0, repeat: event.repeat === true };
    }
    return { type: "key", motion, key, code, modifiers, location: event.location, repeat: event.repeat === true };
  }

  // Left to this browser, which tells of them by events of their own.
  isClipboard(event) {
    const key = event.key.toLowerCase();
    if (event.shiftKey && event.key === "Insert") return true;
    return (APPLE ? event.metaKey : event.ctrlKey) && !event.altKey && ["c", "x", "v"].includes(key);
  }

  typed(event) {
    if (event.isComposing || /Composition/.test(event.inputType)) return;
    const value = this.field.value;
    this.reset();
    if (!this.may()) return;
    if (/^delete/.test(event.inputType)) {
      this.tap(/Forward/.test(event.inputType) ? "Delete" : "Backspace");
      return;
    }
    const text = value.startsWith(GROUND) ? value.slice(GROUND.length) : value.replaceAll("\u200b", "");
    if (text === "\n") this.tap("Enter");
    else this.write(text);
  }

  compose(text) {
    if (this.may()) this.send({ type: "compose", text, start: text.length, end: text.length });
  }

  composed(text) {
    this.reset();
    if (!this.may()) return;
    if (text) this.write(text);
    else this.compose("");
  }

  write(text, type = "text") {
    let rest = text.replaceAll("\r\n", "\n");
    if (rest.toWellFormed) rest = rest.toWellFormed();
    while (rest) {
      // A character of two halves is not cut through.
      const half = /[\ud800-\udbff]/.test(rest[AT_ONCE - 1] || "");
      this.send({ type, text: rest.slice(0, half ? AT_ONCE - 1 : AT_ONCE) });
      rest = rest.slice(half ? AT_ONCE - 1 : AT_ONCE);
    }
  }

  paste(event) {
    event.preventDefault();
    if (this.may()) this.write(event.clipboardData.getData("text/plain"), "paste");
  }

  copy(event, text) {
    event.preventDefault();
    if (!text || !this.may()) return false;
    event.clipboardData.setData("text/plain", text);
    return true;
  }

  // What was selected or copied last counts.
  select(text) {
    this.selected = text;
    if (text) this.copied = "";
  }

  clear() {
    this.selected = this.copied = "";
  }

  tap(key) {
    this.send({ type: "key", motion: "down", key, code: key });
    this.send({ type: "key", motion: "up", key, code: key });
  }

  // Nothing stays down in the portal when the keyboard goes elsewhere.
  lift() {
    for (const event of this.down.values()) this.send({ ...this.keyOf(event, "up"), modifiers: 0 });
    this.down.clear();
  }
}
