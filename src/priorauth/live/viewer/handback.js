// Giving the session back, and asking for more time. Nothing is sent by one press: each asks in a dialog of its own first.

import { make } from "./overlays.js";

const at = (id) => document.getElementById(id);
const PRESELECTED = { sign_in: "signed_in", unknown_page: "signed_in" };

export class Handback {
  // `shown` returns the status and whether the final request has left; `focusBack` is called when a dialog closes.
  constructor({ send, shown, notice, focusBack }) {
    Object.assign(this, { send, shown, notice });
    at("done").onclick = () => this.askDone();
    at("unable").onclick = () => this.open("unable");
    at("more").onclick = () => this.send({ type: "more_time" });
    at("done-send").onclick = () => this.sendDone();
    at("unable-send").onclick = () => this.sendUnable();
    for (const name of ["done", "unable"]) {
      at(`${name}-back`).onclick = () => at(`${name}-dialog`).close();
      at(`${name}-dialog`).onclose = focusBack;
    }
  }

  open(name) {
    at(`${name}-told`).textContent = "";
    at(`${name}-send`).disabled = false;
    at(`${name}-dialog`).showModal();
    // Not on a button: a key that was meant for something else presses none.
    at(`${name}-title`).focus();
  }

  askDone() {
    const { status, submitted } = this.shown();
    const likely = submitted ? "submitted" : PRESELECTED[status?.reason?.code];
    for (const radio of document.getElementsByName("outcome")) radio.checked = radio.value === likely;
    this.showMismatch(status?.mismatch || null);
    this.open("done");
  }

  showMismatch(mismatch) {
    this.mismatch = mismatch;
    at("mismatch").hidden = mismatch === null;
    at("mismatch-accept").checked = false;
    if (mismatch === null) return;
    const shown = new Map(mismatch.shown.map((field) => [field.label, field.value]));
    const approved = new Map(mismatch.approved.map((field) => [field.label, field.value]));
    at("mismatch-rows").replaceChildren(...[...new Set([...approved.keys(), ...shown.keys()])].map((label) =>
      make("tr", {}, make("th", { scope: "row" }, label),
        make("td", {}, approved.get(label) ?? "–"), make("td", {}, shown.get(label) ?? "–"))));
    at("mismatch-label").textContent = `I accept ${mismatch.referenceNumber} as the receipt of this authorization.`;
  }

  sendDone() {
    const outcome = [...document.getElementsByName("outcome")].find((radio) => radio.checked);
    if (!outcome) {
      at("done-told").textContent = "Choose what you did, or saw.";
      return;
    }
    const message = { type: "complete", reportedOutcome: outcome.value };
    if (at("reference").value.trim()) message.observedReferenceNumber = at("reference").value.trim();
    if (at("done-notes").value.trim()) message.operatorNotes = at("done-notes").value.trim();
    if (this.mismatch !== null && at("mismatch-accept").checked) message.acceptedMismatchId = this.mismatch.id;
    this.sendOnce("done", message);
  }

  sendUnable() {
    const reason = at("unable-reason").value;
    if (!reason) {
      at("unable-told").textContent = "Choose a reason.";
      return;
    }
    const message = { type: "unable", reason };
    if (at("unable-notes").value.trim()) message.operatorNotes = at("unable-notes").value.trim();
    this.sendOnce("unable", message);
  }

  sendOnce(name, message) {
    at(`${name}-send`).disabled = true;
    at(`${name}-told`).textContent = "Sending…";
    this.send(message);
  }

  // The server's answer. A close that was taken is answered by the end of the view.
  answered(message) {
    const name = { complete: "done", unable: "unable" }[message.for];
    if (message.accepted) {
      if (message.for === "more_time") this.notice("You have more time.");
    } else if (name && at(`${name}-dialog`).open) {
      at(`${name}-told`).textContent = message.message;
      at(`${name}-send`).disabled = false;
    } else this.notice(message.message);
  }

  // The connection broke, or another person acts now: what is open here is of no use.
  close() {
    for (const name of ["done", "unable"]) if (at(`${name}-dialog`).open) at(`${name}-dialog`).close();
  }
}
