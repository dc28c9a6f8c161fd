// Elements, and the fields of forms.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

const working = new WeakMap();

// What is shown under `aria-busy` is still changing. One thing may start another before it is done.
export async function busy(element, work) {
  working.set(element, (working.get(element) ?? 0) + 1);
  element.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    working.set(element, working.get(element) - 1);
    element.setAttribute("aria-busy", String(working.get(element) > 0));
  }
}

export function button(text, onclick, kind = "") {
  return h("button", { type: "button", class: kind, onclick }, text);
}

export function question(field, value = "") {
  if (field.kind === "radio") return radios(field, value);
  const attributes = {
    id: field.name, name: field.name, required: field.required, "aria-describedby": `${field.name}-hint`,
    maxlength: field.maxLength,
  };
  let control;
  if (field.kind === "select") {
    const options = [{ value: "", text: "Choose…" }, ...field.options];
    control = h("select", attributes, options.map(each => h("option", { value: each.value }, each.text)));
  } else if (field.kind === "textarea") {
    control = h("textarea", { ...attributes, rows: 4 });
  } else {
    control = h("input", { ...attributes, type: field.kind, step: field.kind === "number" ? field.step : null });
  }
  control.value = value;
  return h("div", { class: "field", "data-field": field.name },
    h("label", { for: field.name, class: field.required ? "required" : "" }, field.label), control, ...notes(field));
}

function radios(field, value) {
  const choices = field.options.map(each => h("span", { class: "choice" },
    h("input", {
      type: "radio", id: `${field.name}-${each.value}`, name: field.name, value: each.value,
      required: field.required, checked: each.value === value,
    }),
    h("label", { for: `${field.name}-${each.value}` }, each.text)));
  return h("fieldset", { class: "field", "data-field": field.name },
    h("legend", { class: field.required ? "required" : "" }, field.label), ...choices, ...notes(field));
}

function notes(field) {
  return [
    h("p", { class: "hint", id: `${field.name}-hint` }, field.hint),
    h("p", { class: "problem", id: `${field.name}-problem` }),
  ];
}

export function values(form) {
  return Object.fromEntries([...new FormData(form)].filter(([, value]) => typeof value === "string"));
}

export function showProblems(form, fields) {
  for (const note of form.querySelectorAll(".problem")) note.textContent = "";
  for (const [name, message] of Object.entries(fields)) {
    const note = form.querySelector(`#${CSS.escape(name)}-problem`);
    if (note) note.textContent = message;
  }
}

export function facts(entries, kind) {
  return h("dl", { class: `facts ${kind}` }, entries.filter(([, value]) => value !== null && value !== undefined)
    .flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)]));
}

export function moment(text) {
  const shown = new Date(text).toLocaleString("en-US", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  return h("time", { datetime: text }, `${shown} UTC`);
}

export function day(text) {
  const shown = new Date(`${text}T00:00:00Z`).toLocaleDateString("en-US", { dateStyle: "long", timeZone: "UTC" });
  return h("time", { datetime: text }, shown);
}

export function documentTable(documents, remove) {
  const heads = ["Type", "Name", "Size", "SHA-256", ...(remove ? [""] : [])];
  return h("table", { class: "documents" },
    h("thead", {}, h("tr", {}, heads.map(each => h("th", {}, each)))),
    h("tbody", {}, documents.map(each => h("tr", {},
      h("td", {}, each.type), h("td", {}, each.name), h("td", {}, `${each.size.toLocaleString("en-US")} bytes`),
      h("td", {}, h("code", {}, each.sha256)),
      remove ? h("td", {}, button("Remove", () => remove(each), "quiet")) : null))));
}
