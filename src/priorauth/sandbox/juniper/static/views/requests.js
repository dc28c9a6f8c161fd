// What the plan has: the search, a request's status, and the confirmation of one that was just sent.

import { day, documentTable, facts, h, moment, values } from "/assets/dom.js";

export async function search(app) {
  const query = app.query().get("q") ?? "";
  const { requests } = await app.call("GET", `/requests?q=${encodeURIComponent(query)}`);
  const form = h("form", { class: "card", onsubmit: submit },
    h("h1", {}, "Requests"),
    h("label", { for: "q" }, "Your reference or request number"),
    h("div", { class: "row" }, h("input", { id: "q", name: "q", value: query, type: "search" }),
      h("button", { class: "primary" }, "Search")));

  function submit(event) {
    event.preventDefault();
    app.go(`/requests?q=${encodeURIComponent(values(form).q)}`);
  }

  const heads = ["Request", "Your reference", "Patient", "Member ID", "Service", "Quantity", "Documents", "Received", "Status"];
  const rows = requests.map(each => h("tr", {},
    h("td", {}, h("a", { href: `/requests/${each.number}`, "data-link": true }, each.number)),
    h("td", {}, each.reference), h("td", {}, each.patient), h("td", {}, each.memberId), h("td", {}, each.service),
    h("td", {}, sent(each, "Quantity")), h("td", {}, String(each.documents.length)),
    h("td", {}, moment(each.receivedAt)), h("td", {}, h("span", { class: "badge" }, each.status))));
  return [form, h("section", { class: "card" }, rows.length
    ? h("table", { class: "requests" }, h("thead", {}, h("tr", {}, heads.map(each => h("th", {}, each)))),
      h("tbody", {}, rows))
    : h("p", { class: "empty" }, query ? `No request matches “${query}”.` : "There are no requests yet."))];
}

export async function status(app, number) {
  const { request } = await app.call("GET", `/requests/${number}`);
  const { decision } = request;
  return [
    h("section", { class: "card" },
      h("h1", {}, `Request ${request.number}`),
      h("p", {}, h("span", { class: "badge" }, request.status)),
      facts([["Status", request.status], ...common(request)], "request"), ...documents(request)),
    decision && h("section", { class: "card" }, h("h2", {}, "Decision"), facts([
      ["Decided", moment(decision.decidedAt)],
      ["Authorization number", decision.authorizationNumber],
      ["Valid from", decision.validFrom && day(decision.validFrom)],
      ["Valid through", decision.validThrough && day(decision.validThrough)],
      ["Quantity approved", decision.quantityApproved],
      ["Reason code", decision.reasonCode],
      ["Reason", decision.reason],
      ["Note", decision.note],
    ], "decision")),
  ].filter(Boolean);
}

export async function confirmation(app, number) {
  const request = app.state().request ?? (await app.call("GET", `/requests/${number}`)).request;
  return [h("section", { class: "card success" },
    h("h1", {}, "Request received"),
    h("p", { class: "lead" }, "We have your request and will tell our decision here. Nothing more is needed now."),
    facts(common(request), "request"), ...documents(request),
    h("div", { class: "actions" },
      h("a", { href: `/requests/${request.number}`, "data-link": true }, "See the status"),
      h("a", { href: "/patients", "data-link": true }, "Start another request")))];
}

function common(request) {
  return [
    ["Request number", request.number], ["Received", moment(request.receivedAt)], ["Service", request.service],
    ["Documents", String(request.documents.length)], ...request.rows.map(each => [each.label, each.value]),
  ];
}

function documents(request) {
  return [h("h2", {}, "Documents"), documentTable(request.documents)];
}

function sent(request, label) {
  return request.rows.find(each => each.label === label)?.value ?? "";
}
