// Talking to the service: the token, waiting when it is busy, waiting when it is away.

import { $ } from "./make.js";
import { text } from "./language.js";
import { keep, recall, TAB } from "./memory.js";

export class Refusal extends Error {
  /** `say` gives the page's own words, in the language that is on then; without it the service's message is shown. */
  constructor(status, message, code, say) {
    super(message);
    Object.assign(this, { status, code, say });
  }
}

let token = recall(TAB, "m2fp.token") ?? "";
/** Take the token that a link may carry behind the #, which is never sent to a server; whether there was one. */
const takeFromLink = () => {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return false;
  token = given;
  keep(TAB, "m2fp.token", token);
  history.replaceState(null, "", location.pathname);
  return true;
};
takeFromLink();
addEventListener("hashchange", () => { // the page is open already, perhaps with its question
  if (!takeFromLink() || !$("token").open) return;
  $("token-value").value = token;
  $("token").close("given");
});
export const hasToken = () => token !== "";
const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

let asking = null;
const askForToken = () => {
  asking ??= new Promise((resolve, reject) => {
    const dialog = $("token");
    $("token-value").value = "";
    $("token-wrong").hidden = !token;
    dialog.showModal();
    dialog.addEventListener("close", () => {
      asking = null;
      token = dialog.returnValue === "given" ? $("token-value").value.trim() : "";
      dialog.returnValue = "";
      keep(TAB, "m2fp.token", token);
      if (token) resolve(); else reject(new Refusal(401, "", "no_token", () => text("tokenTitle")));
    }, { once: true });
  });
  return asking;
};
$("token-form").addEventListener("submit", (event) => { event.preventDefault(); $("token").close("given"); });
$("token-cancel").addEventListener("click", () => $("token").close(""));

const sleep = (milliseconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, milliseconds);
  signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

let away = false;
const setAway = (now) => {
  away = now;
  $("offline").hidden = !away;
};
/** Wait until the service answers again. */
const untilBack = async (signal) => {
  setAway(true);
  for (let pause = 500; ; pause = Math.min(5000, pause * 1.5)) {
    await sleep(pause, signal);
    try {
      if (!(await fetch(addressOf("/healthz"), { cache: "no-store" })).ok) continue; // a proxy answered for it
      setAway(false);
      return;
    } catch { /* still away */ }
  }
};

const refusalOf = (status, body) => {
  let document = {};
  try { document = JSON.parse(body); } catch { /* not ours, a proxy's */ }
  const isProxy = status === 413 && !document.message;
  return new Refusal(status, document.message ?? "", document.error ?? "", isProxy ? () => text("tooLarge") : undefined);
};
/** Whether a proxy says that the service is not there: it is being started again. */
const isAway = (request) =>
  request.status === 502 || (request.status === 503 && !request.getResponseHeader("Retry-After"));
/** A file that cannot be read breaks a connection as if the service were away; it may have been moved or deleted. */
const checkFiles = async (body) => {
  for (const value of body?.values() ?? []) {
    if (!(value instanceof File)) continue;
    const reader = value.stream().getReader();
    await reader.read().catch(() => { throw new Refusal(0, "", "unreadable", () => text("unreadable", value.name)); });
    reader.cancel();
  }
};

/** A path of the service as an address; a proxy may have put all of it below a path of its own. */
export const addressOf = (path) => new URL(path.slice(1), document.baseURI).href;
/** One exchange with upload progress, which fetch has not. */
const exchange = (method, path, { body, accept, signal, progress }) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.open(method, addressOf(path));
  request.responseType = "blob";
  for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
  if (accept) request.setRequestHeader("Accept", accept);
  if (progress) request.upload.addEventListener("progress", (event) => progress(event.loaded / event.total));
  request.addEventListener("load", () => resolve(request));
  request.addEventListener("error", () => reject(new Refusal(0, "", "away")));
  request.addEventListener("abort", () => reject(signal.reason));
  signal?.throwIfAborted();
  signal?.addEventListener("abort", () => request.abort(), { once: true });
  request.send(body ?? null);
});

/**
 * Ask the service, again and again while it is busy, starting or away.
 * `say` is told "busy" or "unreachable" when there is a wait. Gives the finished XMLHttpRequest.
 */
export const ask = async (method, path, options = {}) => {
  const { signal, say } = options;
  for (;;) {
    const sent = token;
    let request;
    try {
      request = await exchange(method, path, options);
    } catch (error) {
      if (error.code !== "away") throw error;
      await checkFiles(options.body);
    }
    if (!request || isAway(request)) {
      say?.("unreachable");
      await untilBack(signal);
      continue;
    }
    if (away) setAway(false);
    if (request.status >= 200 && request.status < 300) return request;
    if (request.status === 401) { // a token may have been given since this was sent
      if (sent === token) await askForToken();
      continue;
    }
    if (request.status === 429 || request.status === 503) {
      say?.("busy");
      const seconds = Number(request.getResponseHeader("Retry-After")) || 1;
      await sleep(1000 * Math.min(10, seconds) * (0.7 + 0.6 * Math.random()), signal);
      continue;
    }
    throw refusalOf(request.status, await request.response.text());
  }
};
export const askJson = async (method, path, options) => {
  const request = await ask(method, path, { accept: "application/json", ...options });
  return { request, document: JSON.parse(await request.response.text()) };
};
