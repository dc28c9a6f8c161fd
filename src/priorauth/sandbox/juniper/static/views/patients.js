// The first page, and the search for a patient.

import { button, facts, h, values } from "/assets/dom.js";

export async function home(app) {
  const { requests } = await app.call("GET", "/requests");
  return [
    h("h1", {}, "Home"),
    h("section", { class: "tiles" },
      h("a", { class: "tile", href: "/patients", "data-link": true }, h("b", {}, "Start a request"),
        h("span", {}, "Find a patient and ask for an authorization.")),
      h("a", { class: "tile", href: "/requests", "data-link": true }, h("b", {}, "Check a request"),
        h("span", {}, "Search by your reference or by our request number."))),
    h("section", { class: "card" }, h("h2", {}, "Latest requests"), requests.length
      ? h("ul", { class: "plain" }, requests.slice(0, 5).map(each => h("li", {},
        h("a", { href: `/requests/${each.number}`, "data-link": true }, each.number), ` ${each.service} · ${each.status}`)))
      : h("p", { class: "empty" }, "Nothing yet.")),
  ];
}

export function search(app) {
  const result = h("div", { id: "result" });
  const form = h("form", { class: "card", onsubmit: submit },
    h("h1", {}, "Find a patient"),
    h("p", { class: "lead" }, "Both details have to match our records."),
    h("div", { class: "row" },
      h("div", { class: "field" }, h("label", { for: "memberId", class: "required" }, "Member ID"),
        h("input", { id: "memberId", name: "memberId", required: true })),
      h("div", { class: "field" }, h("label", { for: "birthDate", class: "required" }, "Date of birth"),
        h("input", { id: "birthDate", name: "birthDate", type: "date", required: true }))),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Find patient")));

  function submit(event) {
    event.preventDefault();
    app.act(async () => {
      result.replaceChildren();
      const { member } = await app.call("POST", "/members/search", values(form));
      result.replaceChildren(member ? found(member) : h("section", { class: "card none" },
        h("p", {}, "No patient matches these details.")));
    });
  }

  function found(member) {
    return h("section", { class: "card found" }, h("h2", {}, member.name),
      facts([["Member ID", member.memberId], ["Plan", member.plan],
        ["Coverage", member.active ? "Active" : "Not active"]], "member"),
      h("div", { class: "actions" }, button("New request", () => start(member), "primary")));
  }

  function start(member) {
    app.act(async () => {
      const { id } = await app.call("POST", "/drafts", { memberId: member.memberId });
      await app.go(`/drafts/${id}/service`);
    });
  }

  return [form, result];
}
