// The try-on drawer: who wears what, and the picture of it.

import { $, make, words } from "./make.js";
import { addressOf, askJson } from "./api.js";
import { askAbout } from "./queue.js";
import { explain, onLanguage, sentence, text, thing } from "./language.js";
import { below, loadImage, paint, pixelsOf, place, view } from "./picture.js";

const EVERYONE = 0;
const COLORS = ["#7a1f3d", "#c8553d", "#e0a526", "#2f6b4f", "#1f3a5f", "#5b4b8a", "#f4f1ea", "#17171c"];
let kinds = [];
let coloredKinds = []; // those that may be a color
let accessories = [];
let names = []; // what a kind takes besides its accessories: { kind, name, color or null }
let wearer = EVERYONE;
const ownPictures = new Map(); // kind -> [{ file, address }]
const ownColors = new Map(); // kind -> ["#rrggbb"]

export const setAccessories = (document) => {
  ({ kinds, colored_kinds: coloredKinds, accessories, names } = document);
  listWardrobe();
};
const peopleOf = (photo) => photo.block.people.map(({ id }) => id).filter((id) => id);
const meant = (photo) => (wearer === EVERYONE ? peopleOf(photo) : [wearer]);
const isSame = (one, other) => (one ?? null) === (other ?? null);
/** What everybody who is meant wears of a kind; undefined if nothing or not all the same. */
const wornOf = (photo, kind) => {
  const items = meant(photo).map((id) => photo.wearing?.get(id)?.[kind]);
  return items.every((item) => isSame(item, items[0])) ? items[0] : undefined;
};
export const wearsAnything = (photo) =>
  [...(photo.wearing?.values() ?? [])].some((outfit) => Object.values(outfit).some(Boolean));

/** The fields of a request: `hat` where everybody wears the same, else `hat.2` for each person. */
export const fieldsOf = (photo) => {
  const fields = [];
  for (const kind of kinds) {
    const worn = peopleOf(photo).map((id) => [id, photo.wearing?.get(id)?.[kind]]);
    const first = worn[0]?.[1];
    if (first && worn.every(([, item]) => item === first)) fields.push([kind, first]);
    else for (const [id, item] of worn) if (item) fields.push([`${kind}.${id}`, item]);
  }
  return fields;
};
export const formOf = (photo) => {
  const form = new FormData();
  for (const [name, item] of fieldsOf(photo)) {
    if (item instanceof File) form.append(name, item, item.name); else form.append(name, item);
  }
  return form;
};

// Each photo has a request of its own on its way: `fitting` is its AbortController, `fitTimer` starts it.
const showBusy = () => {
  const photo = view.current?.photo.item;
  $("busy").hidden = !photo?.fitting;
  // Who does not see the picture is told that it changes.
  $("fitting-state").textContent = photo?.fitting ? text("fitting") : photo?.fitted?.changed ? text("fitted") : "";
};
const stopFitting = (photo) => {
  clearTimeout(photo.fitTimer);
  photo.fitting?.abort();
  photo.fitting = null;
};
const fetchPicture = async (photo) => {
  stopFitting(photo);
  const mine = photo.fitting = new AbortController();
  photo.fitError = null;
  showBusy();
  try {
    const { document } = await askAbout(photo, (id) => {
      const form = formOf(photo);
      form.append("result", id);
      return askJson("POST", "/tryon?as=preview", { body: form, signal: mine.signal });
    });
    photo.block.tryon = document.picture;
    photo.fitted = document;
    const composite = pixelsOf(await loadImage(document.picture), photo.block.hw);
    if (photo.fitting !== mine || view.current?.photo !== photo.shown) return; // another is shown, or it was taken off
    view.current.composite = composite;
    showComposite(true);
    listNotes(photo);
  } catch (error) {
    if (mine.signal.aborted) return;
    photo.fitted = null;
    photo.fitError = error;
    if (view.current?.photo === photo.shown) listNotes(photo);
  } finally {
    if (photo.fitting === mine) photo.fitting = null;
    showBusy();
  }
};
const showComposite = (now) => {
  const option = [...$("mode").options].find(({ value }) => value === "tryon");
  option.disabled = !now;
  if (now) {
    $("mode").value = "tryon";
    $("slider").value = 0;
  } else if ($("mode").value === "tryon") {
    $("mode").value = "label";
    $("slider").value = 50;
  }
  paint();
  place();
  document.dispatchEvent(new Event("shown-changed"));
};
const refit = (photo) => {
  clearTimeout(photo.fitTimer);
  $("undress").hidden = !wearsAnything(photo);
  listWardrobe();
  if (wearsAnything(photo)) {
    photo.fitTimer = setTimeout(() => fetchPicture(photo), 200);
    return;
  }
  stopFitting(photo);
  photo.fitted = null;
  photo.fitError = null;
  showBusy();
  photo.block.tryon = "";
  view.current.composite = null;
  $("fitting-notes").replaceChildren();
  showComposite(false);
};
const wear = (photo, kind, item, canTakeOff = true) => {
  photo.wearing ??= new Map();
  const again = canTakeOff && isSame(wornOf(photo, kind), item);
  for (const id of meant(photo)) {
    const outfit = { ...photo.wearing.get(id) };
    if (again || !item) delete outfit[kind]; else outfit[kind] = item;
    photo.wearing.set(id, outfit);
  }
  refit(photo);
};

const listNotes = (photo) => {
  const lines = [];
  if (!peopleOf(photo).length) lines.push(words.nobodyFound);
  if (photo.fitError) lines.push(explain(photo.fitError));
  for (const person of photo.fitted?.people ?? []) {
    for (const item of person.items) {
      if (!item.placed) lines.push(text("leftOut", words.person(person.id), text(item.kind), sentence(item.reason)));
    }
  }
  $("fitting-notes").replaceChildren(...lines.map((line) => make("li", {}, line)));
};

const buttonOf = (kind, item) =>
  $("wardrobe").querySelector(`[data-kind="${kind}"] [data-item="${CSS.escape(item)}"]`);
const itemButton = (photo, kind, item, title, content, className = "") => {
  const button = make("button", { type: "button", className: `item ${className}`, title }, ...content);
  button.ariaLabel = title;
  button.ariaPressed = String(isSame(wornOf(photo, kind), item));
  button.dataset.item = typeof item === "string" ? item : item?.name ?? "";
  button.addEventListener("click", () => {
    wear(photo, kind, item);
    buttonOf(kind, button.dataset.item)?.focus();
  });
  return button;
};
const ownButton = (photo, kind) => {
  const input = make("input", { type: "file", accept: "image/png,image/webp,image/jpeg", className: "hidden-input" });
  input.ariaLabel = text("own"); // what the label shows is a plus
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (!file) return;
    const list = ownPictures.get(kind) ?? [];
    ownPictures.set(kind, [...list, { file, address: URL.createObjectURL(file) }]);
    wear(photo, kind, file, false);
  });
  const label = make("label", { className: "item own", title: text("own") }, "+", input);
  label.dataset.own = kind;
  return label;
};
const namesOf = (kind) => names.filter((one) => one.kind === kind);
/** The colors of cloth and leather; what has colors of its own by name, such as hair, shows those. */
const swatchesOf = (kind) => (namesOf(kind).some(({ color }) => color) ? [] : COLORS);
const colorButton = (photo, kind) => {
  const worn = wornOf(photo, kind);
  const value = /^#[0-9a-f]{6}$/.test(worn) ? worn : ownColors.get(kind)?.at(-1) ?? "#7a1f3d";
  const input = make("input", { type: "color", value, title: text("anyColor") });
  input.ariaLabel = text("anyColor");
  input.addEventListener("change", () => {
    const list = ownColors.get(kind) ?? [];
    if (!swatchesOf(kind).concat(list).includes(input.value)) ownColors.set(kind, [...list, input.value]);
    wear(photo, kind, input.value, false);
    buttonOf(kind, input.value)?.focus();
  });
  return make("span", { className: "item own color", title: text("anyColor") }, "#", input);
};
const plainColor = (photo, kind, color, item = color) => {
  const button = itemButton(photo, kind, item, thing(item), [], "color");
  button.style.background = color;
  return button;
};
const rowOf = (photo, kind) => {
  const named = namesOf(kind);
  const isTaken = (one) => one.kind === kind || named.some(({ name, color }) => !color && name === one.name);
  const shipped = accessories.filter(isTaken).map((one) => itemButton(
    photo, kind, one.name, thing(one.name),
    [make("img", { src: addressOf(one.thumbnail), alt: "", loading: "lazy" })], one.is_fabric ? "fabric" : ""));
  const own = (ownPictures.get(kind) ?? []).map(({ file, address }) =>
    itemButton(photo, kind, file, file.name, [make("img", { src: address, alt: "" })]));
  const colors = coloredKinds.includes(kind) ? [
    ...named.filter(({ color }) => color).map(({ name, color }) => plainColor(photo, kind, color, name)),
    ...swatchesOf(kind).concat(ownColors.get(kind) ?? []).map((color) => plainColor(photo, kind, color)),
    colorButton(photo, kind),
  ] : [];
  const row = make("div", { className: "items" }, ...shipped, ...own, ...colors, ownButton(photo, kind));
  row.dataset.kind = kind;
  Object.assign(row, { role: "group", ariaLabel: text(kind) ?? kind }); // "Your own" of what
  return make("section", {}, make("h2", {}, text(kind) ?? kind), row);
};
const listWardrobe = () => {
  const photo = view.current?.photo.item;
  if (!photo) return;
  const scrolled = new Map([...$("wardrobe").querySelectorAll(".items")].map((row) => [row.dataset.kind, row.scrollLeft]));
  $("wardrobe").replaceChildren(...kinds.map((kind) => rowOf(photo, kind)));
  for (const row of $("wardrobe").querySelectorAll(".items")) row.scrollLeft = scrolled.get(row.dataset.kind) ?? 0;
};

const HEAD = ["Face", "Hair", "Hat", "Sunglasses", "Head"];
/** Boxes around the pixels that a test takes, by person: left, top, right, bottom. */
const boxesOf = (test) => {
  const { people, labels, block } = view.current;
  const [height, width] = block.hw;
  const boxes = new Map();
  for (let i = 0; i < people.length; i += 1) {
    if (!people[i] || !test(labels[i])) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    const box = boxes.get(people[i]);
    if (!box) {
      boxes.set(people[i], [x, y, x + 1, y + 1]);
      continue;
    }
    if (x < box[0]) box[0] = x;
    if (x >= box[2]) box[2] = x + 1;
    box[3] = y + 1; // rows come in their order
  }
  return boxes;
};
/** The head of a person, or their upper part, small and square of their box. */
const portrait = (head, body) => {
  const [height, width] = view.current.block.hw;
  const [left, top, right, bottom] = head ?? body ?? [0, 0, width, height];
  const longer = Math.max(right - left, bottom - top) * 1.15;
  const side = Math.min(head ? longer : right - left, width, height);
  const x = Math.min(Math.max(0, (left + right - side) / 2), width - side);
  const y = head ? Math.min(Math.max(0, (top + bottom - side) / 2), height - side) : Math.min(top, height - side);
  const small = make("canvas", { width: 64, height: 64 });
  small.getContext("2d").drawImage(below, x, y, side, side, 0, 0, 64, 64); // it shows the photo
  return small;
};
const wearerChip = (photo, id, name, content) => {
  const box = make("input", { type: "radio", name: "wearer", value: String(id), checked: id === wearer });
  box.addEventListener("change", () => { wearer = id; listWardrobe(); });
  return make("label", { className: "chip radio" }, box, ...content, name);
};
export const listFitting = () => {
  const photo = view.current.photo.item;
  const ids = peopleOf(photo);
  if (!ids.includes(wearer)) wearer = EVERYONE;
  const isHead = photo.shown.labelSet.names.map((name) => HEAD.includes(name));
  const [heads, bodies] = [boxesOf((label) => isHead[label]), boxesOf(() => true)];
  $("wearers").replaceChildren(
    wearerChip(photo, EVERYONE, text("everyone"), []),
    ...ids.map((id) => wearerChip(photo, id, words.person(id), [portrait(heads.get(id), bodies.get(id))])),
  );
  $("undress").hidden = !wearsAnything(photo);
  $("wardrobe").hidden = ids.length === 0;
  listWardrobe();
  listNotes(photo);
  showBusy();
  const option = [...$("mode").options].find(({ value }) => value === "tryon");
  option.disabled = !photo.block.tryon;
  if (!photo.block.tryon && $("mode").value === "tryon") $("mode").value = "label";
};
$("undress").addEventListener("click", () => {
  const photo = view.current.photo.item;
  photo.wearing = new Map();
  refit(photo);
});
onLanguage(() => { if (view.current) listFitting(); });
