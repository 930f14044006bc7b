// The page: dropping photos, opening one, keys, tabs. The viewer is the report's.

import { $ } from "./make.js";
import { above, below, fit, loadBlock, paint, place, view } from "./picture.js";
import { forgetProbe } from "./probe.js";
import { listPeople } from "./people.js";
import { askJson } from "./api.js";
import { explain, onLanguage, text } from "./language.js";
import { addFiles, forget, mayTryAgain, on, photos, restorePhotos, tryAgain } from "./queue.js";
import { listFitting, setAccessories } from "./fitting.js";
import { listSaves } from "./saving.js";
import { listSwitches } from "./switches.js";

let open = null; // the photo that is looked at
let chosen = null; // the one that somebody asked for: no other takes its place by itself
let opening = 0;
let labelColors = [];
let learning = null;

const rgbOf = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const showMessage = (message, bad = false) => {
  $("message").textContent = message;
  $("message").classList.toggle("bad", bad);
  $("message").hidden = !message;
};
const showPanel = (now) => {
  for (const id of ["picture", "controls", "panel", "probe"]) $(id).hidden = !now;
};
/** Ask once what the service knows; again if that failed, as where no token was given. */
const learn = () => {
  learning ??= Promise.all(["/labels", "/accessories", "/version"].map(
    async (path) => (await askJson("GET", path)).document,
  )).then(([labels, wardrobe, version]) => {
    labelColors = labels.labels.map(({ color }) => rgbOf(color));
    view.peopleColors = labels.people_colors.map(rgbOf);
    $("model").textContent = version.model.name;
    setAccessories(wardrobe);
    document.body.dataset.known = "1";
  }).catch((error) => {
    learning = null;
    throw error;
  });
  return learning;
};
const openPhoto = async (photo) => {
  const mine = opening += 1;
  open = photo;
  $("message").dataset.photo = photo.name; // shown where cards have no room for names
  for (const other of photos) other.card.setAttribute("aria-current", String(other === photo));
  photo.card.scrollIntoView({ block: "nearest", inline: "nearest" });
  view.picked = null;
  forgetProbe();
  $("amends").hidden = photo.state !== "failed";
  $("again").hidden = !mayTryAgain(photo);
  if (photo.state !== "done") {
    view.current = null;
    showPanel(false);
    const message = photo.state === "failed" ? explain(photo.refusal) : photo.card.querySelector(".state").textContent;
    showMessage(message, photo.state === "failed");
    $("viewer").dataset.photo = photo.name;
    return;
  }
  try {
    await learn();
  } catch (error) {
    if (mine === opening) showMessage(explain(error), true);
    return;
  }
  const labelSet = { names: photo.block.labels, colors: labelColors };
  photo.shown = { name: photo.name, labelSet, item: photo };
  const loaded = await loadBlock(photo.shown, photo.block);
  if (mine !== opening) return; // another photo was opened meanwhile
  view.current = loaded;
  const [height, width] = photo.block.hw;
  for (const canvas of [below, above]) Object.assign(canvas, { width, height });
  $("work").style.setProperty("--ratio", height / width);
  below.getContext("2d").putImageData(loaded.pixels, 0, 0);
  showMessage("");
  showPanel(true);
  $("probe").textContent = text("point");
  if (photo.block.tryon) $("mode").value = "tryon";
  listAll();
  fit();
  paint();
  place();
  $("viewer").dataset.photo = photo.name;
};
const choose = (photo) => {
  chosen = photo;
  openPhoto(photo);
};
const listAll = () => {
  listSwitches();
  listPeople();
  listFitting();
  listSaves();
};
const showWork = () => {
  $("welcome").hidden = photos.length > 0;
  $("work").hidden = photos.length === 0;
  $("add").hidden = photos.length === 0;
};
const take = (files, folders = new Set()) => {
  if (![...files].length) return;
  const added = addFiles(files, folders);
  showWork();
  if (!open) openPhoto(added[0]);
};
on("changed", (photo) => { if (photo === open && photo.state !== "done") openPhoto(photo); });
on("done", (photo) => { if (photo === open || !open || (open.state === "failed" && open !== chosen)) openPhoto(photo); });
on("removed", (photo) => {
  showWork();
  if (photo !== open) return;
  open = null;
  view.current = null;
  if (photos.length) openPhoto(photos[0]);
});

$("files").addEventListener("change", () => { take($("files").files); $("files").value = ""; });
$("again").addEventListener("click", () => { tryAgain(open); open.card.focus(); });
$("remove").addEventListener("click", () => { forget(open); (open?.card ?? $("files")).focus(); });
$("add").addEventListener("click", () => $("files").click());
$("strip").addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (card) choose(card.photo);
});
let depth = 0; // dragenter and dragleave come for every element on the way
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; $("over").hidden = false; event.preventDefault(); } });
addEventListener("dragleave", (event) => { if (hasFiles(event)) { depth -= 1; $("over").hidden = depth > 0; } });
addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth = 0;
  $("over").hidden = true;
  const { files, items } = event.dataTransfer;
  const places = [...items].filter(({ kind }) => kind === "file");
  take(files, new Set([...files].filter((_, i) => places[i]?.webkitGetAsEntry()?.isDirectory)));
});
addEventListener("paste", (event) => { if (event.clipboardData?.files.length) take(event.clipboardData.files); });

$("slider").addEventListener("input", place);
$("opacity").addEventListener("input", paint);
$("mode").addEventListener("change", () => {
  if ($("mode").value === "tryon") $("slider").value = 0;
  paint();
  place();
});
const tabs = [...document.querySelectorAll("[role=tab]")];
const chooseTab = (tab) => {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = !chosen;
  }
};
for (const tab of tabs) {
  tab.addEventListener("click", () => chooseTab(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    chooseTab(next);
    next.focus();
  });
}

const walk = (step) => {
  const next = photos[photos.indexOf(open) + step];
  if (!next) return;
  const isOnCard = document.activeElement === open.card; // then Enter would open the old photo again
  choose(next);
  if (isOnCard) next.card.focus({ preventScroll: true });
};
const keys = {
  ArrowLeft: () => walk(-1),
  ArrowRight: () => walk(1),
  o: () => {
    const slider = $("slider");
    slider.value = slider.value < 100 ? 100 : slider.dataset.last ?? 0;
    place();
  },
  p: () => {
    $("mode").value = $("mode").value === "label" ? "person" : "label";
    $("mode").dispatchEvent(new Event("change"));
  },
  a: () => $("files").click(),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input, select, textarea") && event.target.id !== "files") return;
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  act();
  event.preventDefault();
});
$("keys-open").addEventListener("click", () => $("keys").showModal());
$("keys-close").addEventListener("click", () => $("keys").close());

onLanguage(() => {
  if (open && open.state === "done") { listAll(); place(); $("probe").textContent = text("point"); } else if (open) openPhoto(open);
});

restorePhotos();
showWork();
if (photos.length) openPhoto(photos[0]);
document.body.dataset.ready = "1";
learn().catch(() => { /* asked for again with the first photo */ });
