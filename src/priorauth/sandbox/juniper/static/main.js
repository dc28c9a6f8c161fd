// The page: who is signed in, which view an address shows, and what every view may use.

import { ApiError, call, remember, session } from "/assets/api.js";
import { button, busy, h } from "/assets/dom.js";
import * as account from "/assets/views/account.js";
import * as drafts from "/assets/views/drafts.js";
import * as patients from "/assets/views/patients.js";
import * as requests from "/assets/views/requests.js";

const view = document.getElementById("view");
const toasts = document.getElementById("toasts");
const routes = [
  [/^\/sign-in$/, account.signIn],
  [/^\/sign-in\/code$/, account.code],
  [/^\/$/, patients.home],
  [/^\/patients$/, patients.search],
  [/^\/drafts\/(\d+)\/service$/, drafts.service],
  [/^\/drafts\/(\d+)\/clinical$/, drafts.clinical],
  [/^\/drafts\/(\d+)\/documents$/, drafts.documents],
  [/^\/drafts\/(\d+)\/review$/, drafts.review],
  [/^\/drafts\/(\d+)\/not-required$/, drafts.notRequired],
  [/^\/requests$/, requests.search],
  [/^\/requests\/(\w+)$/, requests.status],
  [/^\/requests\/(\w+)\/confirmation$/, requests.confirmation],
];
let user = null;
let leave = () => {};

const app = {
  call,
  get user() { return user; },
  query: () => new URLSearchParams(location.search),
  state: () => history.state ?? {},
  go(path, state = {}) {
    history.pushState(state, "", path);
    return show();
  },
  // What a view has begun and not finished ends with it.
  onLeave(end) { leave = end; },
  enter(found) { user = remember(found); },
  // Everything that a click starts: the view is busy until it is done, and what fails is told.
  act(work) {
    clearAlerts();
    return busy(view, async () => {
      try {
        await work();
      } catch (error) {
        await failed(error);
      }
    });
  },
  done(text) { toast("status", text); },
  alert(text) { toast("alert", text); },
};

async function failed(error) {
  if (error instanceof ApiError && error.status === 401) {
    app.enter(null);
    history.pushState({}, "", "/sign-in");
    await draw();
    app.alert(error.message);
  } else {
    app.alert(error instanceof ApiError ? error.message : "Something went wrong on this page.");
    if (!(error instanceof ApiError)) console.error(error);
  }
}

function show() {
  return app.act(draw);
}

async function draw() {
  leave();
  leave = () => {};
  if (user === null) app.enter(await session());
  const signedIn = user !== null && user.awaitsCode === null;
  if (!signedIn && !location.pathname.startsWith("/sign-in")) {
    history.replaceState({}, "", user === null ? "/sign-in" : "/sign-in/code");
  }
  frame(signedIn);
  view.replaceChildren(h("p", { class: "loading" }, h("span", { class: "spinner" }), "Loading…"));
  for (const [pattern, render] of routes) {
    const match = location.pathname.match(pattern);
    if (match) {
      try {
        const drawn = await render(app, ...match.slice(1));
        if (drawn) view.replaceChildren(...drawn);
        entitle();
      } catch (error) {
        if (!(error instanceof ApiError) || error.status === 401) throw error;
        view.replaceChildren(problem(error.status === 404 ? "Not found" : "Something went wrong", error.message));
        if (error.status !== 404) throw error;
      }
      return;
    }
  }
  view.replaceChildren(problem("Not found", "There is nothing at this address."));
}

// What tabs and screen readers call the page that is shown.
function entitle() {
  const shown = view.querySelector("h1")?.textContent.trim();
  document.title = shown ? `${shown} - Juniper Ridge Workspace` : "Juniper Ridge Workspace";
}

function problem(title, text) {
  return h("section", { class: "card" }, h("h1", {}, title), h("p", {}, text));
}

function frame(signedIn) {
  const links = [["/", "Home"], ["/patients", "Patients"], ["/requests", "Requests"]];
  const nav = links.map(([path, text]) => h("a", {
    href: path, "data-link": true, "aria-current": location.pathname === path ? "page" : null,
  }, text));
  document.getElementById("nav").replaceChildren(...(signedIn ? nav : []));
  document.getElementById("account").replaceChildren(...(signedIn
    ? [h("span", { class: "who" }, user.userName), button("Sign out", signOut, "quiet")] : []));
}

function signOut() {
  return app.act(async () => {
    await call("DELETE", "/session");
    app.enter(null);
    history.pushState({}, "", "/sign-in");
    await draw();
  });
}

function toast(role, text) {
  const shown = h("div", { class: `toast ${role}`, role }, h("span", {}, text),
    button("Dismiss", () => shown.remove(), "quiet"));
  toasts.append(shown);
  if (role === "status") setTimeout(() => shown.remove(), 4000);
}

function clearAlerts() {
  for (const each of toasts.querySelectorAll("[role=alert]")) each.remove();
}

document.addEventListener("click", event => {
  const link = event.target.closest("a[data-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  app.go(link.getAttribute("href"));
});
addEventListener("popstate", show);
show();
