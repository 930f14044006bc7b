// The photos: dropped, uploaded two at a time, parsed, kept under an id by the service.

import { $, make } from "./make.js";
import { ask, askJson, Refusal } from "./api.js";
import { onLanguage, text } from "./language.js";
import { keep, recall, TAB } from "./memory.js";
import { toast } from "./toast.js";

const AT_ONCE = 2;
const REMEMBERED = "m2fp.photos";
const SURE_SCORE = 0.5; // from which on a person counts; all are listed
const NAME_LENGTH = 80; // of what the service calls a photo

export const photos = []; // { file, onDisk, name, id, block, state, percent, refusal, card, wearing, ... }
let running = 0;
const listeners = { changed: [], done: [], removed: [] };
export const on = (event, listener) => listeners[event].push(listener);
const tell = (event, photo) => listeners[event].forEach((listener) => listener(photo));

const stemOf = (name) => name.replace(/(?<=.)\.[^.]*$/, "");
/** What the service calls the files of a photo: it leaves signs out, and the end of a long name. */
const calledBy = (stem) => [...stem.normalize("NFC").replace(/^.*[\\/]|[^\p{L}\p{N}\p{M} _.-]/gu, "").replace(/^[ .]+/, "")]
  .slice(0, NAME_LENGTH).join("").replace(/[ .]+$/, "") || "photo";
/** A name under which no other photo's files are called the same, in any case: they may lie in one zip. */
const freeName = (name) => {
  const stem = stemOf(name);
  const keyOf = (one) => calledBy(one).toLowerCase();
  const taken = new Set(photos.map((photo) => keyOf(stemOf(photo.name))));
  const short = [...calledBy(stem)].slice(0, NAME_LENGTH - 6).join("");
  let free = stem;
  for (let number = 2; taken.has(keyOf(free)); number += 1) free = `${short}-${number}`;
  return free + name.slice(stem.length);
};

const makeCard = (photo) => {
  const card = make("button", { type: "button", className: "card" });
  const empty = make("span", { className: "thumb empty" }, "…");
  card.append(
    empty,
    make("span", { className: "name", title: photo.name, dir: "auto" }, photo.name),
    make("span", { className: "state" }),
    make("progress", { max: 1 }),
  );
  if (photo.file) {
    const image = make("img", { className: "thumb", alt: "", decoding: "async" });
    const address = URL.createObjectURL(photo.file);
    image.addEventListener("load", () => { URL.revokeObjectURL(address); if (empty.isConnected) empty.replaceWith(image); });
    image.addEventListener("error", () => URL.revokeObjectURL(address));
    image.src = address;
  }
  return card;
};
const stateText = (photo) => ({
  waiting: () => text("waiting"), uploading: () => text("uploading", Math.round(100 * photo.percent)),
  working: () => text("working"), busy: () => text("busyQueue"), unreachable: () => text("unreachable"),
  failed: () => text("failed"), done: () => text("found", photo.people),
})[photo.state]();
const show = (photo, state, refusal = null) => {
  Object.assign(photo, { state, refusal });
  const { card } = photo;
  card.classList.toggle("failed", state === "failed");
  card.dataset.state = state;
  card.querySelector(".state").textContent = stateText(photo);
  const empty = card.querySelector(".empty");
  if (empty) empty.textContent = state === "failed" ? "!" : "…";
  const bar = card.querySelector("progress");
  bar.hidden = ["done", "failed", "waiting"].includes(state);
  if (state === "uploading") bar.value = photo.percent; else bar.removeAttribute("value");
  tell("changed", photo);
};
onLanguage(() => photos.forEach((photo) => show(photo, photo.state, photo.refusal)));

const remember = () => keep(TAB, REMEMBERED, JSON.stringify(
  photos.filter((photo) => photo.id).map(({ id, name, onDisk }) => ({ id, name, onDisk }))));

const accept = (photo, block) => {
  photo.block = block;
  photo.people = block.people.filter(({ id, score }) => id && score >= SURE_SCORE).length;
  const image = make("img", { className: "thumb", alt: "", src: block.thumbnail });
  photo.card.querySelector(".thumb").replaceWith(image);
  show(photo, "done");
  remember();
  tell("done", photo);
};

/** Upload and parse one photo; afterwards the service keeps it. `say` is told how it goes. */
const parse = async (photo, say) => {
  const form = new FormData();
  const stem = stemOf(photo.name); // a browser writes " as %22, which would be another name
  form.append("image", photo.file, calledBy(stem) + photo.name.slice(stem.length));
  photo.percent = 0;
  say("uploading");
  const { request, document } = await askJson("POST", "/parse?as=preview", {
    body: form,
    signal: photo.abort.signal,
    say,
    progress: (share) => { photo.percent = share; say(share < 1 ? "uploading" : "working"); },
  });
  photo.id = request.getResponseHeader("M2FP-Result");
  return document;
};
const restore = async (photo) => {
  show(photo, "working");
  const { document } = await askJson("GET", `/results/${photo.id}?as=preview`, { signal: photo.abort.signal });
  return document;
};
const lost = []; // names of photos that this tab had before it was loaded again, and the service has no more
const run = async () => {
  const photo = photos.find(({ state }) => state === "waiting");
  if (!photo || running >= AT_ONCE) return;
  running += 1;
  try {
    const say = (state) => show(photo, state);
    accept(photo, photo.file ? await parse(photo, say) : await restore(photo));
  } catch (error) {
    if (!photos.includes(photo)) { /* it was removed meanwhile */ }
    else if (error.status === 404 && !photo.file) {
      remove(photo);
      lost.push(photo.name);
      toast(text("lost", lost), "touched");
    } else show(photo, "failed", error);
  } finally {
    running -= 1;
    run();
  }
  run();
};

const add = (properties) => {
  const photo = { id: null, file: null, block: null, people: 0, percent: 0, abort: new AbortController(), ...properties };
  photo.card = makeCard(photo);
  photo.card.photo = photo;
  photos.push(photo);
  $("strip").append(photo.card);
  show(photo, "waiting");
  return photo;
};
/** Add files; `folders` are those of them that are folders, which cannot be sent. */
export const addFiles = (files, folders) => {
  const added = [...files].map((file) => add({ file, onDisk: file.name, name: freeName(file.name || "photo.png") }));
  for (const photo of added) if (folders.has(photo.file)) show(photo, "failed", new Refusal(0, "", "folder", () => text("isFolder")));
  for (let i = 0; i < AT_ONCE; i += 1) run();
  return added;
};
// A page that is loaded again has no files any more: ask before those that were not sent are lost.
addEventListener("beforeunload", (event) => {
  if (photos.some(({ file, id, state }) => file && !id && state !== "failed")) event.preventDefault();
});
/** Whether a photo that failed may do better: the service failed, or nobody gave a token. The same file stays damaged. */
export const mayTryAgain = ({ state, refusal }) =>
  state === "failed" && ([401, 408].includes(refusal.status) || refusal.status >= 500);
export const tryAgain = (photo) => {
  show(photo, "waiting");
  run();
};
export const remove = (photo) => {
  photo.abort.abort(new Refusal(0, "", "removed"));
  photos.splice(photos.indexOf(photo), 1);
  photo.card.remove();
  remember();
  tell("removed", photo);
};
/** Remove a photo here and in the service. */
export const forget = async (photo) => {
  const { id } = photo;
  remove(photo);
  if (id) await ask("DELETE", `/results/${id}`).catch(() => {});
};

/**
 * Ask something about a photo that was parsed. Where the service has forgotten it (it was started again, or
 * ten minutes have passed), the photo is parsed once more, as long as this page still has it.
 */
export const askAbout = async (photo, makeRequest, options) => {
  try {
    return await makeRequest(photo.id, options);
  } catch (error) {
    if (error.status !== 404) throw error;
    if (!photo.file) throw new Refusal(404, "", error.code, () => text("gone"));
    await parse(photo, () => {}); // it stays on the screen meanwhile
    remember();
    return makeRequest(photo.id, options);
  }
};

/** Photos that this tab had before it was loaded again. */
export const restorePhotos = () => {
  const known = JSON.parse(recall(TAB, REMEMBERED) ?? "[]");
  for (const { id, name, onDisk } of known) add({ id, name, onDisk });
  for (let i = 0; i < AT_ONCE; i += 1) run();
  return photos.length;
};
