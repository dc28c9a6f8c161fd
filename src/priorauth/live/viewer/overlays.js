// What the portal's browser would draw over its page: dialogs, lists, dates, files. Those who only watch see them as well.

import { giveFiles, sizeOf } from "./files.js";

const CHOICES = { alert: [], confirm: ["Cancel"], prompt: ["Cancel"], beforeunload: ["Stay"], resend: ["Cancel"] };
const TITLES = {
  alert: "The portal says", confirm: "The portal asks", prompt: "The portal asks", beforeunload: "Leave this page?",
  resend: "Send the form again?",
};

export class Overlays {
  constructor({ room, screen, send, connection, save, focusBack }) {
    Object.assign(this, { room, screen, send, connection, save, focusBack });
    this.open = new Map();
    this.mayAnswer = false;
    screen.stage.addEventListener("fitted", () => this.placeAll());
  }

  show(overlays, mayAnswer) {
    if (mayAnswer !== this.mayAnswer) this.clear();
    this.mayAnswer = mayAnswer;
    const wanted = new Set(overlays.map((overlay) => overlay.id));
    for (const [id, { element }] of this.open) {
      if (wanted.has(id)) continue;
      const hadFocus = element.contains(document.activeElement);
      element.remove();
      this.open.delete(id);
      if (hadFocus) this.focusBack();
    }
    for (const overlay of overlays) if (!this.open.has(overlay.id)) this.add(overlay);
  }

  // What was answered is out of the way at once, and stays so until the server has put it away.
  answer(overlay, message) {
    this.send({ ...message, overlay: overlay.id });
    this.open.get(overlay.id)?.element.remove();
    this.focusBack();
  }

  // A press beside a list closes it, as everywhere.
  pressedBeside() {
    for (const { element, overlay } of this.open.values()) {
      if (overlay.shows === "picker" && element.isConnected && this.mayAnswer) this.answer(overlay, { type: "dismiss" });
    }
  }

  // The list of suggestions gets the focus: for a key that goes down into it. Returns whether there is one.
  enterSuggestions() {
    for (const { element, overlay } of this.open.values()) {
      if (overlay.kind !== "suggestions" || !element.isConnected || !this.mayAnswer) continue;
      const list = element.querySelector("select");
      list.selectedIndex = 0;
      list.focus();
      return true;
    }
    return false;
  }

  clear() {
    for (const { element } of this.open.values()) element.remove();
    this.open.clear();
  }

  add(overlay) {
    const element = document.createElement("section");
    element.className = `overlay ${{ dialog: "middle", chooser: "middle", sign_in: "middle", download: "corner" }[overlay.shows] || ""}`;
    element.setAttribute("role", overlay.shows === "dialog" ? "alertdialog" : "dialog");
    const title = make("h2", {}, "");
    title.id = `overlay-${overlay.id}`;
    element.setAttribute("aria-labelledby", title.id);
    element.append(title);
    const first = this[overlay.shows](overlay, element, title);
    if (!this.mayAnswer) {
      for (const control of element.querySelectorAll("button, input, select")) control.disabled = true;
      element.append(make("p", { className: "note" }, "Only who is in control can answer."));
    }
    this.room.append(element);
    this.open.set(overlay.id, { element, overlay });
    this.place(element, overlay);
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.mayAnswer) this.answer(overlay, { type: "dismiss" });
    });
    if (this.mayAnswer && overlay.shows !== "download" && first) first.focus();
  }

  dialog(overlay, element, title) {
    title.textContent = TITLES[overlay.dialog];
    const leaving = overlay.dialog === "beforeunload";
    const message = leaving ? "What was entered there may be lost." : overlay.message;
    element.append(make("p", { className: "message" }, message));
    let field = null;
    if (overlay.dialog === "prompt") {
      field = make("input", { type: "text", value: overlay.default });
      field.setAttribute("aria-labelledby", title.id);
      element.append(field);
    }
    const answer = (accept) =>
      this.answer(overlay, { type: "dialog", accept, text: field && accept ? field.value : "" });
    const accept = make("button", { type: "button", className: "first" }, { beforeunload: "Leave", resend: "Send again" }[overlay.dialog] || "OK");
    accept.onclick = () => answer(true);
    if (field) onEnter(field, () => answer(true));
    const cancels = CHOICES[overlay.dialog].map((label) => {
      const cancel = make("button", { type: "button" }, label);
      cancel.onclick = () => answer(false);
      return cancel;
    });
    element.append(make("div", { className: "answers" }, ...cancels, accept));
    // What a key does that was under way is asked about first, and not done.
    return field || (overlay.dialog === "alert" ? accept : cancels[0]);
  }

  picker(overlay, element, title) {
    title.textContent = overlay.label || "Choose";
    const suggests = overlay.kind === "suggestions";
    const lists = overlay.kind === "select" || suggests;
    const field = lists ? listOf(overlay) : make("input", { type: overlay.kind });
    if (!lists) {
      for (const name of ["min", "max", "step"]) if (overlay[name]) field[name] = overlay[name];
      field.value = overlay.value;
    }
    field.setAttribute("aria-labelledby", title.id);
    const choose = () => {
      if (!lists && field.validity.badInput) field.reportValidity();
      else if (!lists) this.answer(overlay, { type: "value", value: field.value });
      else {
        const options = [...field.options].filter((option) => option.selected).map((option) => option.index);
        this.answer(overlay, { type: "choose", options });
      }
    };
    if (lists && !overlay.multiple) {
      field.addEventListener("click", ({ target }) => target.localName === "option" && !target.disabled && choose());
    }
    onEnter(field, choose);
    element.append(field, this.answers(overlay, "Choose", choose));
    // The person goes on typing in the portal.
    return suggests ? null : field;
  }

  chooser(overlay, element, title) {
    title.textContent = overlay.multiple ? "The portal asks for files" : "The portal asks for a file";
    const field = make("input", { type: "file", multiple: overlay.multiple, accept: overlay.accept });
    field.setAttribute("aria-labelledby", title.id);
    const told = make("p", { className: "note" }, "");
    told.setAttribute("role", "status");
    const give = async () => {
      const failed = await giveFiles(this.connection(), [...field.files], { type: "files", overlay: overlay.id });
      told.textContent = failed || "Sent.";
    };
    element.append(field, told, this.answers(overlay, "Send to the portal", give));
    return field;
  }

  sign_in(overlay, element, title) {
    title.textContent = "The portal asks you to sign in";
    element.append(make("p", { className: "message" }, overlay.origin));
    const [user, password] = [["User name", "text"], ["Password", "password"]].map(([name, type]) => {
      const field = make("input", { type, maxLength: 250, autocomplete: "off", autocapitalize: "none", spellcheck: false });
      element.append(make("label", {}, name, field));
      return field;
    });
    const enter = () => {
      if (!user.value || user.value.includes(":")) user.focus();
      else this.answer(overlay, { type: "sign_in", user: user.value, password: password.value });
    };
    onEnter(user, () => password.focus());
    onEnter(password, enter);
    element.append(this.answers(overlay, "Sign in", enter));
    return user;
  }

  download(overlay, element, title) {
    title.textContent = "The portal offers a file";
    element.append(make("p", { className: "message" }, `${overlay.name} (${sizeOf(overlay.size)})`));
    element.append(this.answers(overlay, "Save", () => this.save(overlay)));
    return null;
  }

  answers(overlay, label, act) {
    const first = make("button", { type: "button", className: "first" }, label);
    first.onclick = act;
    const cancel = make("button", { type: "button" }, overlay.shows === "download" ? "Dismiss" : "Cancel");
    cancel.onclick = () => this.answer(overlay, { type: "dismiss" });
    return make("div", { className: "answers" }, cancel, first);
  }

  placeAll() {
    for (const { element, overlay } of this.open.values()) this.place(element, overlay);
  }

  // A field's choices lie under the field, as far as the window has room.
  place(element, overlay) {
    if (overlay.shows !== "picker") return;
    const { scale, left, stage } = this.screen;
    const { x, y, width, height } = overlay.box;
    const style = element.style;
    style.minWidth = `${Math.max(200, width * scale)}px`;
    const room = stage.getBoundingClientRect();
    style.left = `${Math.max(4, Math.min(left + x * scale, room.width - element.offsetWidth - 4))}px`;
    style.top = `${Math.max(4, Math.min((y + height) * scale + 2, room.height - element.offsetHeight - 4))}px`;
  }
}

// Other keys keep what they do in the field.
function onEnter(field, act) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    act();
  });
}

function listOf(overlay) {
  const list = make("select", { multiple: overlay.multiple, size: Math.max(2, Math.min(10, overlay.options.length + 1)) });
  let group = null;
  for (const entry of overlay.options) {
    const option = make("option", { disabled: entry.disabled, selected: entry.selected }, entry.label || "\u00a0");
    if (!entry.group) group = null;
    else if (!group || group.label !== entry.group) list.append((group = make("optgroup", { label: entry.group })));
    (entry.group ? group : list).append(option);
  }
  return list;
}

export function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
