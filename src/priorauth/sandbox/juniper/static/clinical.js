// The clinical questions: a page of its own within the workspace, which hears of it by messages.

import { call, session } from "/assets/api.js";
import { busy, h, question, showProblems, values } from "/assets/dom.js";

const main = document.getElementById("questions");
const draft = new URLSearchParams(location.search).get("draft");
const alertNote = h("p", { class: "notice bad", role: "alert", hidden: true });
const tell = message => parent.postMessage(message, location.origin);

function hideWhatDoesNotApply(form, fields) {
  for (const field of fields.filter(each => each.hiddenWhen)) {
    const hidden = values(form)[field.hiddenWhen.name] === field.hiddenWhen.value;
    const box = form.querySelector(`[data-field="${field.name}"]`);
    box.hidden = hidden;
    for (const control of box.querySelectorAll("input, select, textarea")) control.disabled = hidden;
  }
}

async function act(work) {
  alertNote.hidden = true;
  await busy(main, async () => {
    try {
      await work();
    } catch (error) {
      if (error.status === 401) tell({ kind: "signed-out" });
      alertNote.textContent = error.message;
      alertNote.hidden = false;
    }
  });
}

await act(async () => {
  await session();
  const { fields, values: known } = await call("GET", `/drafts/${draft}/clinical`);
  const form = h("form", { novalidate: true, onchange: () => hideWhatDoesNotApply(form, fields), onsubmit: submit },
    h("div", { class: "grid" }, fields.map(field => question(field, known[field.name]))), alertNote,
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Save answers")));

  function submit(event) {
    event.preventDefault();
    act(async () => {
      try {
        await call("PUT", `/drafts/${draft}/clinical`, values(form));
        tell({ kind: "clinical-saved" });
      } catch (error) {
        if (error.status !== 422) throw error;
        showProblems(form, error.fields);
      }
    });
  }

  main.replaceChildren(form);
  hideWhatDoesNotApply(form, fields);
});
if (!alertNote.isConnected) main.append(alertNote);
new ResizeObserver(() => tell({ kind: "height", height: document.documentElement.scrollHeight })).observe(main);
