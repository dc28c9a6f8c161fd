// The JSON API: one function for every call, one kind of error for whatever goes wrong.

export class ApiError extends Error {
  constructor(status, { code, message, fields }) {
    super(message);
    Object.assign(this, { status, code, fields: fields ?? {} });
  }
}

const LOST = { code: "offline", message: "We lost the connection. Check your network and try again." };
let csrfToken = "";

export async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrfToken;
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  let answer, data;
  try {
    answer = await fetch(`/api${path}`, { method, headers, body, credentials: "same-origin" });
    data = await answer.json();
  } catch {
    throw new ApiError(answer?.status ?? 0, LOST);
  }
  if (!answer.ok) throw new ApiError(answer.status, data.error ?? LOST);
  return data;
}

export async function session() {
  return remember((await call("GET", "/session")).session);
}

export function remember(found) {
  csrfToken = found?.csrfToken ?? "";
  return found;
}
