// Which cards are shown, in which order, and how the keyboard walks them.

import { $, counted, make, swatch } from "./make.js";
import { labelSets, photos } from "./index.js";
import { cards, gallery } from "./gallery.js";

const shownLabels = new Map();
for (const photo of photos) {
  photo.labels.forEach((id) => {
    const name = photo.labelSet.names[id];
    const known = shownLabels.get(name) ?? { color: photo.labelSet.colors[id], count: 0 };
    known.count += 1;
    shownLabels.set(name, known);
  });
}
const idOf = (name) => labelSets[0].names.indexOf(name);
const inOrder = [...shownLabels].sort(([a], [b]) => idOf(a) - idOf(b));
const labelBoxes = inOrder.map(([name, { color, count }]) => {
  const box = make("input", { type: "checkbox", value: name });
  const label = make("label", { title: counted(count, "photo", "photos") }, box, " ", swatch(color), name);
  $("filter-labels").append(label);
  return box;
});
$("filter-labels").hidden = labelBoxes.length === 0;

export let shown = [];
const orders = {
  name: () => 0,
  people: (a, b) => b.photo.people - a.photo.people,
  seconds: (a, b) => (b.photo.seconds ?? -1) - (a.photo.seconds ?? -1),
};
const matchesPeople = (photo, wanted) => wanted === ""
  || (!photo.reason && (wanted === "4+" ? photo.people >= 4 : photo.people === Number(wanted)));
// macOS writes an accent as a character of its own in the names of files, a keyboard does not.
const plain = (text) => text.normalize("NFC").toLowerCase();
export const applyFilters = () => {
  const text = plain($("filter-name").value.trim());
  const state = $("filter-state").value;
  const people = $("filter-people").value;
  const labels = labelBoxes.filter((box) => box.checked).map((box) => box.value);
  shown = cards.filter(({ photo }) =>
    plain(photo.name).includes(text)
    && (state === "" || (state === "failed") === (photo.reason !== ""))
    && matchesPeople(photo, people)
    && labels.every((name) => photo.labelNames.has(name)));
  shown.sort(orders[$("order").value]);
  gallery.replaceChildren(...shown);
  cards.forEach((card) => { card.tabIndex = -1; });
  if (shown.length) shown[0].tabIndex = 0;
  $("count").value = shown.length === photos.length
    ? counted(photos.length, "photo", "photos") : `${shown.length} of ${counted(photos.length, "photo", "photos")}`;
};
$("filters").addEventListener("input", applyFilters);
$("filters").addEventListener("reset", () => setTimeout(applyFilters));
$("filters").addEventListener("submit", (event) => event.preventDefault());

export const focusCard = (card) => {
  if (!card) return;
  shown.forEach((other) => { other.tabIndex = -1; });
  card.tabIndex = 0;
  card.focus();
  card.scrollIntoView({ block: "nearest" });
};
const columns = () => getComputedStyle(gallery).gridTemplateColumns.split(" ").length;
gallery.addEventListener("keydown", (event) => {
  const at = shown.indexOf(event.target.closest(".card"));
  const last = shown.length - 1;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[event.key];
  let to = null;
  if (step !== undefined && at >= 0) to = Math.min(last, Math.max(0, at + step));
  if (event.key === "Home") to = 0;
  if (event.key === "End") to = last;
  if (to === null) return;
  event.preventDefault();
  focusCard(shown[to]);
});
