// The window in which a document is added; it reports to the page that opened it, and closes.

import { call, session } from "/assets/api.js";
import { busy, h, showProblems } from "/assets/dom.js";

const main = document.getElementById("upload");
const draft = new URLSearchParams(location.search).get("draft");
const alertNote = h("p", { class: "notice bad", role: "alert", hidden: true });
const tell = message => opener?.postMessage(message, location.origin);

async function act(work) {
  alertNote.hidden = true;
  await busy(main, async () => {
    try {
      await work();
    } catch (error) {
      alertNote.textContent = error.message;
      alertNote.hidden = false;
    }
  });
}

await act(async () => {
  await session();
  const { documentTypes } = await call("GET", `/drafts/${draft}`);
  const types = [{ value: "", text: "Choose…" }, ...documentTypes];
  const form = h("form", { novalidate: true, onsubmit: submit },
    h("h1", {}, "Add a document"),
    h("label", { for: "document_type" }, "Kind of document"),
    h("select", { id: "document_type", name: "document_type" }, types.map(each => h("option", { value: each.value }, each.text))),
    h("p", { class: "problem", id: "document_type-problem" }),
    h("label", { for: "file" }, "File"),
    h("input", { id: "file", name: "file", type: "file", accept: ".pdf,.jpg,.jpeg,.png" }),
    h("p", { class: "problem", id: "file-problem" }),
    alertNote,
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Add")));

  function submit(event) {
    event.preventDefault();
    act(async () => {
      showProblems(form, {});
      tell({ kind: "upload-started", name: form.elements.file.files[0]?.name ?? "" });
      try {
        const added = await call("POST", `/drafts/${draft}/documents`, new FormData(form));
        tell({ kind: "document-added", document: added });
        close();
      } catch (error) {
        tell({ kind: "upload-failed" });
        if (error.status !== 422) throw error;
        showProblems(form, error.fields);
      }
    });
  }

  main.replaceChildren(form);
});
if (!alertNote.isConnected) main.append(alertNote);
