// Downloads of one photo or all, and the line for a terminal.

import { $, make } from "./make.js";
import { addressOf, ask, hasToken } from "./api.js";
import { fits, joinArchives } from "./archive.js";
import { fieldsOf, formOf, wearsAnything } from "./fitting.js";
import { askAbout, forget, photos } from "./queue.js";
import { explain, text } from "./language.js";
import { view } from "./picture.js";
import { shownLabels } from "./switches.js";
import { toast } from "./toast.js";

const VIEWS = [ // name, word, Accept, note
  ["overlay", "saveOverlay", "image/jpeg", "JPEG"],
  ["colors", "saveColors", "image/png", "PNG"],
  ["labels", "saveLabels", "image/png", "PNG"],
  ["people", "savePeople", "image/png", "PNG"],
  ["cutout", "saveCutout", "image/png", "PNG"],
  ["json", "saveJson", "application/json", "JSON"],
  ["zip", "saveZip", "application/zip", "ZIP"],
];
const stemOf = (photo) => photo.name.replace(/\.[^.]*$/, "");
const download = (blob, name) => {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};
const nameOf = (request, fallback) => {
  const found = /filename\*=UTF-8''([^;]+)/.exec(request.getResponseHeader("Content-Disposition") ?? "");
  return found ? decodeURIComponent(found[1]) : fallback;
};

const parametersOf = (name) => {
  const parameters = new URLSearchParams({ as: name });
  const labels = shownLabels();
  if (labels && name !== "zip") parameters.set("labels", labels.join(","));
  if ($("mode").value === "person" && ["overlay", "colors"].includes(name)) parameters.set("by", "person");
  return parameters;
};
const fetchView = (photo, name, accept) => askAbout(photo, (id) =>
  ask("GET", `/results/${id}?${name === "zip" ? "as=zip" : parametersOf(name)}`, { accept }));
const fetchTryon = (photo) => askAbout(photo, (id) => {
  const form = formOf(photo);
  form.append("result", id);
  return ask("POST", "/tryon", { body: form, accept: "image/jpeg" });
});
const guarded = (button, work) => async () => {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    toast(explain(error));
  } finally {
    button.disabled = false;
  }
};
const saveButton = (name, word, note, fetchIt) => {
  const button = make("button", { type: "button" }, text(word), make("small", {}, note));
  button.dataset.view = name;
  button.addEventListener("click", guarded(button, async () => {
    const request = await fetchIt();
    download(request.response, nameOf(request, name));
  }));
  return button;
};
export const listSaves = () => {
  const photo = view.current.photo.item;
  const buttons = VIEWS.map(([name, word, accept, note]) =>
    saveButton(name, word, note, () => fetchView(photo, name, accept)));
  if (wearsAnything(photo)) buttons.unshift(saveButton("tryon", "saveTryon", "JPEG", () => fetchTryon(photo)));
  $("saves").replaceChildren(...buttons);
  showCurl();
};

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
// curl ends a file's name at a comma or semicolon, unless it is in double quotes.
const fileOf = (name) => (/[,;"]/.test(name) ? `"${name.replaceAll(/[\\"]/g, "\\$&")}"` : name);
/** The terminal's line for what is shown. */
const curlOf = (photo) => {
  const stem = stemOf(photo);
  const line = ["curl", "-F", `image=@${fileOf(photo.onDisk || photo.name)}`];
  if (hasToken()) line.push("-H", "Authorization: Bearer TOKEN");
  if ($("mode").value === "tryon" && wearsAnything(photo)) {
    for (const [name, item] of fieldsOf(photo)) line.push("-F", item instanceof File ? `${name}=@${fileOf(item.name)}` : `${name}=${item}`);
    line.push(addressOf("/tryon"), "-o", `${stem}-tryon.jpg`);
  } else {
    const parameters = decodeURIComponent(parametersOf("overlay").toString());
    line.push(`${addressOf("/parse")}?${parameters}`, "-o", `${stem}-overlay.jpg`);
  }
  return line.map(quoted).join(" ");
};
const showCurl = () => { if (view.current) $("curl").textContent = curlOf(view.current.photo.item); };
document.addEventListener("shown-changed", () => { if (view.current) listSaves(); });
$("mode").addEventListener("change", showCurl);
$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("curl").textContent);
    toast(text("copied"));
  } catch { // no permission, or no https: let the person copy it
    getSelection().selectAllChildren($("curl"));
  }
});

$("save-all").addEventListener("click", guarded($("save-all"), async () => {
  const all = photos.length;
  const done = photos.filter(({ state }) => state === "done");
  const missing = [];
  let [archives, files, why] = [[], 0, ""];
  const save = () => {
    files += 1;
    download(joinArchives(archives), files === 1 ? "m2fp.zip" : `m2fp-${files}.zip`);
    archives = [];
  };
  for (const [i, photo] of done.entries()) {
    toast(text("packing", i + 1, done.length), "next");
    try {
      const request = await askAbout(photo, (id) => ask("GET", `/results/${id}?as=zip`, { accept: "application/zip" }));
      const archive = await request.response.arrayBuffer();
      if (!fits(archives, archive)) save();
      archives.push(archive);
    } catch (error) { // the others are saved all the same
      missing.push(photo.name);
      why = explain(error);
    }
  }
  if (archives.length) save();
  const notes = [];
  if (missing.length) notes.push(text("notSaved", missing, why));
  if (done.length < all) notes.push(text("savedSome", done.length - missing.length, all));
  toast(notes.join(" ") || text("saved"), notes.length ? "touched" : "");
}));
$("forget").addEventListener("click", () => forget(view.current.photo.item));
