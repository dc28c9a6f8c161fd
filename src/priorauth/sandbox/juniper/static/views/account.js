// Signing in.

import { h, showProblems, values } from "/assets/dom.js";

export function signIn(app) {
  const form = h("form", { class: "card narrow", onsubmit: submit },
    h("h1", {}, "Sign in"),
    h("p", { class: "lead" }, "Prior authorization for practices and facilities."),
    h("label", { for: "userName" }, "User name"),
    h("input", { id: "userName", name: "userName", autocomplete: "username", required: true }),
    h("label", { for: "password" }, "Password"),
    h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true }),
    h("p", { class: "problem", id: "credentials-problem" }),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Sign in")));

  function submit(event) {
    event.preventDefault();
    app.act(async () => {
      const { session } = await app.call("POST", "/session", values(form)).catch(refused);
      if (!session) return;
      app.enter(session);
      await app.go(session.awaitsCode ? "/sign-in/code" : "/");
    });
  }

  function refused(error) {
    if (!["wrong_credentials", "account_locked"].includes(error.code)) throw error;
    showProblems(form, { credentials: error.message });
    return {};
  }

  return [form];
}

export function code(app) {
  const byApp = app.user?.awaitsCode === "app";
  const form = h("form", { class: "card narrow", onsubmit: submit },
    h("h1", {}, "Confirm it's you"),
    h("p", { class: "lead" }, byApp
      ? "Open your authenticator app and enter the code that it shows for Juniper Ridge."
      : "We sent a code by text message to the phone on file."),
    h("label", { for: "code" }, "Verification code"),
    h("input", { id: "code", name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true }),
    h("p", { class: "problem", id: "code-problem" }),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Confirm")));

  function submit(event) {
    event.preventDefault();
    app.act(async () => {
      const { session } = await app.call("POST", "/session/code", values(form)).catch(refused);
      if (!session) return;
      app.enter(session);
      await app.go("/");
    });
  }

  function refused(error) {
    if (error.code !== "wrong_code") throw error;
    showProblems(form, { code: error.message });
    form.elements.code.value = "";
    return {};
  }

  return [form];
}
