// The words of the bar and of the arrival: which authorization, what is wanted, what can be done here, and who else is there.

const at = (id) => document.getElementById(id);

const plural = (count, one, many) => (count === 1 ? `1 ${one}` : `${count} ${many}`);

export function whoOf({ broken, yours, interactive, holder, scene, status }) {
  if (broken) return "Connecting…";
  if (yours) return "You are in control";
  if (interactive && holder === "person") return "Another person is in control";
  if (holder === "person") return "A person is acting";
  if (scene.inHand) return "A person has the session, and is not connected";
  return status ? status.headline : "You are watching";
}

export function othersOf({ broken, holder, interactive, watching }) {
  if (broken) return "";
  const parts = [];
  // Who is in control is named already.
  const more = interactive - (holder === "person" ? 1 : 0);
  if (more > 0) parts.push(`${plural(more, "other person", "other people")} can act`);
  if (watching) parts.push(plural(watching, "person watches", "people watch"));
  return parts.length ? `· ${parts.join(", ")}` : "";
}

export function whichOf(status) {
  if (!status) return "";
  const own = status.externalCaseId ? ` · your number ${status.externalCaseId}` : "";
  return `${status.service.title} (${status.service.code})${own}`;
}

export function taskOf(status) {
  return status && status.reason ? `What is wanted: ${status.reason.message}` : "";
}

export function submitOf({ view, status, scene, yours, interactive }) {
  if (view === null) return "";
  if (status && status.referenceNumber) return `Submitted. Receipt ${status.referenceNumber}.`;
  if (scene.submitted) {
    return interactive ? "Submitted. Press “Done…”, and the service reads the receipt." : "Submitted. The receipt is not read yet.";
  }
  if (!interactive) return "You can look, and change nothing.";
  const may = status ? status.finalSubmitCapable : view.maySubmit;
  if (!may) return "Nothing can be submitted to the payer from here.";
  return yours ? "You can submit this to the payer here, once." : "Only the person in control can submit this.";
}

export function setText(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}
