// The page as a whole: who is in control, what may be done and until when, and plain words when it is over.

import { othersOf, setText, submitOf, taskOf, whichOf, whoOf } from "./bar.js";
import { Connection } from "./connection.js";
import { Savings, giveFiles } from "./files.js";
import { Handback } from "./handback.js";
import { Keyboard } from "./keyboard.js";
import { Overlays, make } from "./overlays.js";
import { Screen } from "./screen.js";

const at = (id) => document.getElementById(id);
const state = {
  view: null, status: null, clock: 0, holder: "nobody", interactive: 0, watching: 0, reach: "start", asked: null,
  scene: { inHand: false, tabs: [], overlays: [], submitted: false }, broken: true, words: null,
};

const ENDS = {
  expired: ["Your access has run out", "Open the session again from the application that showed it to you."],
  revoked: ["Your access was closed", "The handoff is over, or access was withdrawn. Nothing that you do here reaches the portal any more."],
  lost: ["This session has ended", "The portal session is gone. The authorization itself is safe: see its status in your application."],
  refused: ["This page did not understand the server", "Reload the application that showed it to you."],
  unreachable: ["The server cannot be reached", "Check your connection, then open the session again from your application."],
  missing: ["This address opens nothing", "Open the session from your application: it gives you a fresh address."],
};

function tellParent(shown, reason) {
  if (window.parent !== window) window.parent.postMessage({ type: "priorauth.view", state: shown, reason }, "*");
}

const inControl = () => !state.broken && state.holder === "you";
// The server asks for the same; this only spares what it would drop.
const mayPoint = () => inControl() && state.reach !== "start";
const mayType = () => inControl() && state.reach === "open";

function send(message) {
  if (!connection) return;
  connection.send(message);
  if (message.type === "pointer" && message.motion === "down" && state.reach === "click") opened();
}

// A click into the page: from now on keys go there.
function opened() {
  state.reach = "open";
  render();
}

const focusKeys = () => at("keys").focus({ preventScroll: true });

const screen = new Screen({
  canvas: at("screen"), stage: at("stage"), send, may: mayPoint,
  touched: (event) => {
    overlays.pressedBeside();
    if (event.pointerType === "touch" || !mayPoint()) return;
    if (state.reach === "click") opened();
    focusKeys();
  },
});
const keyboard = new Keyboard({ field: at("keys"), send, may: mayType, leave, enterSuggestions: () => overlays.enterSuggestions() });
const savings = new Savings(send);
const overlays = new Overlays({
  room: at("overlays"), screen, send, connection: () => connection, save: (overlay) => savings.save(overlay),
  focusBack: focusKeys,
});
const handback = new Handback({
  send, notice, shown: () => ({ status: state.status, submitted: state.scene.submitted }), focusBack: () => at("who").focus(),
});

// Out of the portal, for who has no mouse: to the tabs, to a button, or to the line that says who is in control.
function leave() {
  const outside = document.querySelector(".tabs:not([hidden]) button:enabled, .buttons:not(#history) button:not([hidden])");
  (outside || at("who")).focus();
}

let hadKeyboard = false;

const TAKERS = {
  view(message) {
    state.view = message;
    // How far the server's clock is ahead of this machine's.
    state.clock = message.now ? Date.parse(message.now) - Date.now() : 0;
    if (state.broken) {
      state.broken = false;
      at("dark").hidden = true;
      tellParent("live", "connected");
    }
    renderTime();
  },
  control(message) {
    if (state.holder === "you" && message.holder !== "you") {
      handback.close();
      keyboard.clear();
      at("copied").hidden = true;
    }
    Object.assign(state, { holder: message.holder, interactive: message.interactive, watching: message.watching });
  },
  scene: (message) => (state.scene = message),
  status: (message) => (state.status = message),
  input: (message) => (state.reach = message.state),
  selected(message) {
    keyboard.select(message.text);
    if (!keyboard.copied) at("copied").hidden = true;
  },
  copied(message) {
    keyboard.copied = message.text;
    const shown = message.text.length > 60 ? `${message.text.slice(0, 60)}…` : message.text;
    setText("copied-text", `The portal has copied “${shown}”. Copy it to your own clipboard?`);
    at("copied").hidden = false;
  },
  refused: (message) => notice(message.message),
  report: (message) => handback.answered(message),
  takeover(message) {
    state.asked = message.state === "asked" ? Date.now() + message.seconds * 1000 : null;
    if (message.state === "waiting") notice(`The person in control is asked. You get control in ${message.seconds} seconds, unless they keep it.`);
    else if (message.state === "refused") notice("The person in control keeps it for now.");
    else at("notice").hidden = true;
    renderAsked();
  },
  end(message) {
    state.words = message;
    dark(message.headline, message.detail, message.referenceNumber, !message.settled);
  },
};

const told = {
  text(message) {
    if (state.words !== null && message.type !== "end") return;
    TAKERS[message.type]?.(message);
    if (state.words === null) render();
  },
  frame: (frame) => state.words === null && screen.show(frame),
  piece: (id, bytes) => savings.take(id, bytes),
  broken() {
    hadKeyboard ||= document.activeElement === at("keys");
    state.broken = true;
    state.holder = "nobody";
    savings.clear();
    handback.close();
    render();
  },
  ended(reason) {
    if (state.words === null) dark(...ENDS[reason], null, false);
    else at("dark-wait").hidden = true;
    tellParent("dark", reason);
  },
};

// The view is over: its picture goes, and words of what comes next stay.
function dark(headline, detail, number, waits) {
  told.broken();
  screen.clear();
  keyboard.clear();
  overlays.clear();
  setText("dark-title", headline);
  setText("dark-text", detail);
  setText("dark-number", number ? `Receipt ${number}` : "");
  at("dark-number").hidden = !number;
  at("dark-wait").hidden = !waits;
  at("notice").hidden = at("asked").hidden = at("copied").hidden = true;
  const wasHidden = at("dark").hidden;
  at("dark").hidden = false;
  if (wasHidden) at("dark-title").focus();
  announce([headline, number ? `Receipt ${number}` : "", detail].filter(Boolean).join(". "));
}

let arrived = false;

function render() {
  const { view, status, scene, broken, reach } = state;
  const interactive = view !== null && view.mode === "interactive";
  const yours = inControl();
  const all = { ...state, yours, interactive };
  document.body.dataset.holder = yours ? "you" : "other";
  document.body.dataset.reach = reach;
  document.body.dataset.submitted = scene.submitted || Boolean(status && status.referenceNumber);
  const who = whoOf(all);
  if (at("who").textContent !== who) {
    at("who").textContent = who;
    announce(who);
  }
  setText("others", othersOf(state));
  setText("which", whichOf(status));
  setText("task", interactive ? taskOf(status) : "");
  const submit = submitOf(all);
  if (scene.submitted && at("submit").textContent !== submit) announce(submit);
  setText("submit", submit);
  at("history").hidden = !mayPoint();
  at("take").hidden = !interactive || yours || broken;
  at("keyboard").hidden = !yours || reach !== "open" || !matchMedia("(pointer: coarse)").matches;
  at("keys").disabled = !mayType();
  at("leave").hidden = !mayType();
  at("click").hidden = !yours || reach !== "click";
  for (const id of ["more", "unable", "done"]) at(id).hidden = !yours || !(status && status.mayReport);
  renderArrival(yours && reach === "start", { which: whichOf(status), task: taskOf(status), submit });
  if (mayType() && hadKeyboard) {
    focusKeys();
    hadKeyboard = false;
  }
  renderTabs(yours && reach !== "start");
  overlays.show(broken ? [] : scene.overlays, yours && reach !== "start");
}

// Before the start a card lies over the page. It has no key of its own: the focus is on its heading.
function renderArrival(shown, words) {
  setText("arrival-which", words.which);
  setText("arrival-task", words.task);
  setText("arrival-submit", words.submit);
  at("arrival").hidden = !shown;
  if (shown && !arrived) at("arrival-title").focus();
  arrived = shown;
}

let drawnTabs = "";

function renderTabs(may) {
  const { tabs } = state.scene;
  const drawn = JSON.stringify([tabs, may]);
  if (drawn === drawnTabs) return;
  drawnTabs = drawn;
  at("tabs").hidden = tabs.length < 2;
  at("tabs").replaceChildren(...tabs.map((tab) => {
    const name = tab.title || "Untitled page";
    const show = make("button", { type: "button", disabled: !may }, name);
    show.setAttribute("role", "tab");
    show.setAttribute("aria-selected", String(tab.active));
    show.onclick = () => send({ type: "tab", tab: tab.id });
    const parts = [show];
    if (tab.closable && may) {
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

let lastMinutesTold = false;

function renderTime() {
  const until = state.view && state.view.expiresAt;
  const left = until ? Math.max(0, Math.round((Date.parse(until) - Date.now() - state.clock) / 1000)) : null;
  const two = (number) => String(number).padStart(2, "0");
  setText("until", left === null ? "" : `Access ends in ${Math.floor(left / 60)}:${two(left % 60)}`);
  const soon = left !== null && left <= 90;
  document.body.dataset.soon = soon;
  if (soon && !lastMinutesTold && state.words === null) {
    announce(at("more").hidden ? "Your access ends soon." : "Your access ends soon. Press “More time” to keep it.");
  }
  lastMinutesTold = soon;
  renderAsked();
}

// Somebody asks for control. The question takes no focus: a key that is under way must not answer it.
function renderAsked() {
  const shown = state.asked !== null && inControl();
  if (shown) {
    const left = Math.max(0, Math.ceil((state.asked - Date.now()) / 1000));
    setText("asked-text", `Another person asks to act here. They get control in ${left} seconds, unless you keep it.`);
  }
  at("asked").hidden = !shown;
}

function notice(text) {
  setText("notice-text", text);
  at("notice").hidden = false;
}

function announce(text) {
  at("announce").textContent = text;
}

// Files that are dropped beside the portal's page would open in place of this one.
const hasFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = mayPoint() && event.target === at("screen") ? "copy" : "none";
});
addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  if (!mayPoint() || event.target !== at("screen")) return;
  const failed = await giveFiles(connection, [...event.dataTransfer.files], { type: "drop", ...screen.place(event) });
  if (failed) notice(failed);
});
at("start").onclick = () => {
  send({ type: "start" });
  at("who").focus();
};
for (const to of ["back", "forward", "reload"]) {
  at(to).onclick = () => {
    const shown = state.scene.tabs.find((tab) => tab.active);
    if (shown) send({ type: "navigate", tab: shown.id, to });
  };
}
at("take").onclick = () => send({ type: "control" });
at("keyboard").onclick = focusKeys;
at("notice-close").onclick = () => (at("notice").hidden = true);
at("copied-copy").onclick = () => {
  focusKeys();
  document.execCommand("copy");
  at("copied").hidden = true;
};
at("copied-close").onclick = () => (at("copied").hidden = true);
at("asked-keep").onclick = () => send({ type: "takeover", allow: false });
at("asked-allow").onclick = () => send({ type: "takeover", allow: true });
setInterval(renderTime, 1000);

// A fresh grant, from the page that embeds this one and from nobody else.
addEventListener("message", async (event) => {
  if (window.parent === window || event.source !== window.parent || event.data?.type !== "priorauth.grant") return;
  const url = new URL(event.data.url, location.href);
  if (url.origin !== location.origin) return;
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "omit", cache: "no-store" });
  if (!answer.ok) return;
  const { ticket } = await answer.json();
  state.words = null;
  if (connection) connection.renew(ticket);
  else connection = new Connection(ticket, told);
});

let connection = null;
const ticket = location.hash.slice(1);
history.replaceState(null, "", location.pathname + location.search);
if (ticket) connection = new Connection(ticket, told);
else told.ended("missing");
render();
