// The page as a whole: who is in control, what may be done and until when, and plain words when it is over.

import { Connection } from "./connection.js";
import { Savings } from "./files.js";
import { Keyboard } from "./keyboard.js";
import { Overlays, make } from "./overlays.js";
import { Screen } from "./screen.js";

const at = (id) => document.getElementById(id);
const state = { view: null, clock: 0, holder: "nobody", scene: { inHand: false, tabs: [], overlays: [] }, broken: true };

const ENDS = {
  expired: ["Your access has run out", "Open the session again from the application that showed it to you."],
  revoked: ["Your access was closed", "The handoff is over, or access was withdrawn. Nothing that you do here reaches the portal any more."],
  lost: ["The session has ended", "The portal session is gone. The case itself is safe: see its status in your application."],
  refused: ["This page did not understand the server", "Reload the application that showed it to you."],
  unreachable: ["The server cannot be reached", "Check your connection, then open the session again from your application."],
  missing: ["This address opens nothing", "Open the session from your application: it gives you a fresh address."],
};

function tellParent(shown, reason) {
  if (window.parent !== window) window.parent.postMessage({ type: "priorauth.view", state: shown, reason }, "*");
}

const send = (message) => connection && connection.send(message);
const may = () => !state.broken && state.holder === "you";

const screen = new Screen({
  canvas: at("screen"), stage: at("stage"), send, may,
  touched: (event) => {
    overlays.pressedBeside();
    if (event.pointerType !== "touch") at("keys").focus({ preventScroll: true });
  },
});
const keyboard = new Keyboard({ field: at("keys"), send, may, leave });
const savings = new Savings(send);
const overlays = new Overlays({
  room: at("overlays"), screen, send, connection: () => connection, save: (overlay) => savings.save(overlay),
  focusBack: () => at("keys").focus({ preventScroll: true }),
});

// Out of the portal, for who has no mouse: to the tabs, to a button, or to the line that says who is in control.
function leave() {
  const outside = document.querySelector(".tabs:not([hidden]) button:enabled, .bar button:not([hidden])");
  (outside || at("who")).focus();
}

let hadKeyboard = false;

const told = {
  text(message) {
    if (message.type === "view") {
      state.view = message;
      // How far the server's clock is ahead of this machine's.
      state.clock = message.now ? Date.parse(message.now) - Date.now() : 0;
    } else if (message.type === "control") state.holder = message.holder;
    else if (message.type === "scene") state.scene = message;
    else if (message.type === "selected") keyboard.selected = message.text;
    if (state.broken && message.type === "view") {
      state.broken = false;
      renderTime();
      at("dark").hidden = true;
      tellParent("live", "connected");
    }
    render();
  },
  frame: (frame) => screen.show(frame),
  piece: (id, bytes) => savings.take(id, bytes),
  broken() {
    hadKeyboard ||= document.activeElement === at("keys");
    state.broken = true;
    state.holder = "nobody";
    savings.clear();
    render();
  },
  ended(reason) {
    told.broken();
    screen.clear();
    keyboard.selected = "";
    overlays.clear();
    [at("dark-title").textContent, at("dark-text").textContent] = ENDS[reason];
    at("dark").hidden = false;
    at("dark-title").focus();
    announce(`${ENDS[reason][0]}. ${ENDS[reason][1]}`);
    tellParent("dark", reason);
  },
};

let wasYours = false;

function render() {
  const { view, holder, scene, broken } = state;
  const interactive = view !== null && view.mode === "interactive";
  const yours = may();
  document.body.dataset.holder = yours ? "you" : "other";
  const who = broken ? "Connecting…"
    : yours ? "You are in control"
    : holder === "person" ? "Another person is in control"
    : scene.inHand ? "A person has the session, and is not connected"
    : "The service is working; you are watching";
  if (at("who").textContent !== who) {
    at("who").textContent = who;
    announce(who);
  }
  at("submit").textContent = view === null ? ""
    : !interactive ? "You can look, and change nothing."
    : yours && view.maySubmit ? "You can submit this case to the payer."
    : view.maySubmit ? "Only who is in control can submit this case." : "Nothing can be submitted to the payer from here.";
  // Who may act can type at once, where the portal's own cursor stands.
  if (yours && !wasYours && document.activeElement === document.body && !matchMedia("(pointer: coarse)").matches) {
    at("keys").disabled = false;
    at("keys").focus({ preventScroll: true });
  }
  wasYours = yours;
  at("take").hidden = !interactive || yours || broken;
  at("keyboard").hidden = !yours || !matchMedia("(pointer: coarse)").matches;
  at("keys").disabled = !yours;
  at("leave").hidden = !yours;
  if (yours && hadKeyboard) {
    at("keys").focus({ preventScroll: true });
    hadKeyboard = false;
  }
  renderTabs(yours);
  overlays.show(broken ? [] : scene.overlays, yours);
}

let drawnTabs = "";

function renderTabs(yours) {
  const { tabs } = state.scene;
  const drawn = JSON.stringify([tabs, yours]);
  if (drawn === drawnTabs) return;
  drawnTabs = drawn;
  at("tabs").hidden = tabs.length < 2;
  at("tabs").replaceChildren(...tabs.map((tab) => {
    const name = tab.title || "Untitled page";
    const show = make("button", { type: "button", disabled: !yours }, name);
    show.setAttribute("role", "tab");
    show.setAttribute("aria-selected", String(tab.active));
    show.onclick = () => send({ type: "tab", tab: tab.id });
    const parts = [show];
    if (tab.closable && yours) {
      const close = make("button", { type: "button", className: "close" }, "×");
      close.setAttribute("aria-label", `Close ${name}`);
      close.onclick = () => send({ type: "close", tab: tab.id });
      parts.push(close);
    }
    const holder = make("div", { className: "tab" }, ...parts);
    holder.setAttribute("role", "presentation");
    return holder;
  }));
}

let lastMinuteTold = false;

function renderTime() {
  const until = state.view && state.view.expiresAt;
  const left = until ? Math.max(0, Math.round((Date.parse(until) - Date.now() - state.clock) / 1000)) : null;
  const two = (number) => String(number).padStart(2, "0");
  at("until").textContent = left === null ? "" : `Access ends in ${Math.floor(left / 60)}:${two(left % 60)}`;
  if (left !== null && left <= 60 && !lastMinuteTold) announce("Your access ends in less than a minute.");
  lastMinuteTold = left !== null && left <= 60;
}

function announce(text) {
  at("announce").textContent = text;
}

at("take").onclick = () => send({ type: "control" });
at("keyboard").onclick = () => at("keys").focus();
setInterval(renderTime, 1000);

// A fresh grant, from the page that embeds this one and from nobody else.
addEventListener("message", async (event) => {
  if (window.parent === window || event.source !== window.parent || event.data?.type !== "priorauth.grant") return;
  const url = new URL(event.data.url, location.href);
  if (url.origin !== location.origin) return;
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "omit", cache: "no-store" });
  if (!answer.ok) return;
  const { ticket } = await answer.json();
  if (connection) connection.renew(ticket);
  else connection = new Connection(ticket, told);
});

let connection = null;
const ticket = location.hash.slice(1);
history.replaceState(null, "", location.pathname + location.search);
if (ticket) connection = new Connection(ticket, told);
else told.ended("missing");
render();
