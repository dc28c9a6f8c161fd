// Writing a request, step by step. Steps move at once and come back where the plan does not agree.

import { button, documentTable, facts, h, question, showProblems, values } from "/assets/dom.js";

const STEPS = [["service", "Service"], ["clinical", "Clinical"], ["documents", "Documents"], ["review", "Review"]];
const CANNOT_UNDO = "Submit this request to Juniper Ridge? It cannot be changed or withdrawn here afterwards.";
const UNSURE = "We could not confirm that your request was received. Look for it under Requests before you try again.";

function steps(current) {
  const place = STEPS.findIndex(([step]) => step === current);
  return h("ol", { class: "steps" }, STEPS.map(([, text], index) => h("li", {
    class: index < place ? "done" : "", "aria-current": index === place ? "step" : null,
  }, text)));
}

function heading(draft, title) {
  return [h("p", { class: "patient" }, h("b", {}, draft.member.name), ` · ${draft.member.memberId} · ${draft.member.plan}`),
    h("h1", {}, title)];
}

export async function service(app, id) {
  const draft = await app.call("GET", `/drafts/${id}`);
  const saved = h("p", { class: "saved", role: "status" }, "All changes saved");
  let bar = steps("service");
  let saving = Promise.resolve();
  const form = h("form", { class: "card", novalidate: true, onsubmit: submit, onchange: note },
    ...heading(draft, "Service"), saved,
    h("div", { class: "grid" }, draft.serviceFields.map(field => question(field, draft.service[field.name]))),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Continue")));

  // Saved one after the other, so that an older value never comes last.
  function note(event) {
    const { name, value } = event.target;
    saved.replaceChildren(h("span", { class: "spinner" }), "Saving…");
    saving = saving.then(() => app.call("PATCH", `/drafts/${id}/service`, { [name]: value }))
      .then(() => saved.replaceChildren("All changes saved"), () => saved.replaceChildren("Not saved yet"));
  }

  function submit(event) {
    event.preventDefault();
    move("clinical");
    app.act(async () => {
      await saving;
      try {
        const answer = await app.call("PUT", `/drafts/${id}/service`, values(form));
        await app.go(`/drafts/${id}/${answer.next}`, { message: answer.message, service: answer.service });
      } catch (error) {
        move("service");
        if (error.status !== 422) throw error;
        showProblems(form, error.fields);
      }
    });
  }

  function move(step) {
    const moved = steps(step);
    bar.replaceWith(moved);
    bar = moved;
  }

  return [bar, form];
}

export function notRequired(app, id) {
  const { message, service } = app.state();
  if (!message) return app.go(`/drafts/${id}/service`).then(() => null);
  return [h("section", { class: "card" }, h("h1", {}, "No authorization needed"), h("p", { class: "message" }, message),
    facts([["Member ID", service.memberId], ["Service code", service.code], ["Your reference", service.reference]],
      "request"))];
}

export async function clinical(app, id) {
  const draft = await app.call("GET", `/drafts/${id}`);
  const frame = h("iframe", { title: "Clinical questions", src: `/frames/clinical?draft=${id}` });

  function heard(event) {
    if (event.origin !== location.origin || event.source !== frame.contentWindow) return;
    if (event.data.kind === "height") frame.style.height = `${event.data.height}px`;
    if (event.data.kind === "clinical-saved") {
      app.done("Clinical answers saved");
      app.go(`/drafts/${id}/documents`);
    }
    if (event.data.kind === "signed-out") {
      app.enter(null);
      app.go("/sign-in");
    }
  }

  addEventListener("message", heard);
  app.onLeave(() => removeEventListener("message", heard));
  return [steps("clinical"), h("section", { class: "card" }, ...heading(draft, "Clinical questions"), frame)];
}

export async function documents(app, id) {
  const draft = await app.call("GET", `/drafts/${id}`);
  const list = new Map(draft.documents.map(each => [each.id, each]));
  const table = h("div", {});
  const status = h("p", { class: "saved", role: "status" });
  let popup = null;

  function heard(event) {
    if (event.origin !== location.origin || event.source !== popup) return;
    if (event.data.kind === "upload-started") {
      status.replaceChildren(h("span", { class: "spinner" }), `Adding ${event.data.name}…`);
    } else if (event.data.kind === "document-added") {
      list.set(event.data.document.id, event.data.document);
      status.replaceChildren();
      drawTable();
    } else {
      status.replaceChildren();
    }
  }

  function add() {
    popup = window.open(`/windows/upload?draft=${id}`, "upload", "popup,width=560,height=480");
  }

  // Gone at once; back again if the plan did not hear of it.
  async function remove(document) {
    list.delete(document.id);
    drawTable();
    try {
      await app.call("DELETE", `/drafts/${id}/documents/${document.id}`);
    } catch {
      list.set(document.id, document);
      drawTable();
      app.alert(`${document.name} could not be removed.`);
    }
  }

  function drawTable() {
    table.replaceChildren(list.size ? documentTable([...list.values()], remove)
      : h("p", { class: "empty" }, "No documents yet."));
  }

  function proceed() {
    app.act(async () => {
      await app.call("PUT", `/drafts/${id}/documents`, {});
      await app.go(`/drafts/${id}/review`);
    });
  }

  drawTable();
  addEventListener("message", heard);
  app.onLeave(() => removeEventListener("message", heard));
  return [steps("documents"), h("section", { class: "card" }, ...heading(draft, "Documents"),
    h("p", { class: "lead" }, "PDF, JPEG or PNG, up to 25 MB each."), table, status,
    h("div", { class: "actions" }, button("Add document", add), button("Continue", proceed, "primary")))];
}

export async function review(app, id) {
  const [draft, shown] = await Promise.all([app.call("GET", `/drafts/${id}`), app.call("GET", `/drafts/${id}/review`)]);
  const send = button("Submit request", submit, "primary final");
  const attest = h("input", { type: "checkbox", id: "attest", onchange: () => { send.disabled = !attest.checked; } });
  send.disabled = true;
  if (shown.personRequired) requestAnimationFrame(() => attest.focus());

  function submit() {
    if (!confirm(CANNOT_UNDO)) return;
    send.disabled = true;
    send.replaceChildren(h("span", { class: "spinner" }), "Submitting…");
    app.act(async () => {
      try {
        const { request } = await app.call("POST", `/drafts/${id}/submission`, { attested: true });
        await app.go(`/requests/${request.number}/confirmation`, { request });
      } catch (error) {
        send.replaceChildren("Submit request");
        attest.checked = false;
        if (error.status === 401) throw error;
        app.alert(UNSURE);
      }
    });
  }

  return [steps("review"), h("section", { class: "card" }, ...heading(draft, "Review"),
    shown.personRequired && h("p", { class: "notice", role: "note", id: "person-required" },
      "A person has to submit this request. Automated submission is not accepted for this patient's plan."),
    facts(shown.rows.map(each => [each.label, each.value]), "review"),
    h("h2", {}, "Documents"),
    shown.documents.length ? documentTable(shown.documents) : h("p", { class: "empty" }, "No documents."),
    h("div", { class: "attest" }, attest,
      h("label", { for: "attest" }, "I attest that this information is accurate and supported by the medical record.")),
    h("div", { class: "actions" }, h("a", { href: `/drafts/${id}/documents`, "data-link": true }, "Back"), send))];
}
