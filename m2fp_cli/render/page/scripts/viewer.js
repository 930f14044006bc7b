// Opening, walking and closing photos; then the page starts.

import { $ } from "./make.js";
import { above, below, fit, loadBlock, paint, place, view } from "./picture.js";
import { forgetProbe } from "./probe.js";
import { listPeople } from "./people.js";
import { applyFilters, focusCard, shown } from "./filters.js";
import { gallery } from "./gallery.js";
import { blockOf } from "./index.js";

const viewer = $("viewer");
let opening = 0;
let opened = null; // not its name: two that are no UTF-8 may look the same

const openViewer = async (photo) => {
  const mine = opening += 1;
  opened = photo;
  const block = blockOf(photo);
  const failure = photo.reason ? `Failed (${photo.reason}): ${photo.message ?? ""}` : "";
  $("viewer-name").textContent = photo.name;
  view.picked = null;
  forgetProbe();
  if (!viewer.open) viewer.showModal();
  $("picture").hidden = !block;
  document.querySelector(".controls").hidden = !block;
  if (!block) {
    view.current = null;
    $("people").replaceChildren();
    $("probe").textContent = failure
      || "This photo has not been read yet; try again in a moment.";
    viewer.dataset.photo = photo.name;
    return;
  }
  const loaded = await loadBlock(photo, block);
  if (mine !== opening) return; // another photo was opened meanwhile
  view.current = loaded;
  const [height, width] = block.hw;
  for (const canvas of [below, above]) Object.assign(canvas, { width, height });
  below.getContext("2d").putImageData(loaded.pixels, 0, 0);
  const tryon = [...$("mode").options].find(({ value }) => value === "tryon");
  tryon.disabled = tryon.hidden = !block.tryon;
  if (!block.tryon && $("mode").value === "tryon") $("mode").value = "label";
  $("probe").textContent = failure ? `${failure} (shown as an earlier run left it)`
    : "Point at the picture, or move the pointer with the arrow keys.";
  listPeople();
  fit();
  paint();
  place();
  viewer.dataset.photo = photo.name;
};
gallery.addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (card) openViewer(card.photo);
});
const move = (step) => {
  const at = shown.findIndex((card) => card.photo === opened);
  const to = shown[at + step];
  if (to) openViewer(to.photo);
};
viewer.addEventListener("close", () => {
  const card = shown.find((one) => one.photo === opened);
  view.current = null;
  focusCard(card);
});
viewer.addEventListener("keydown", (event) => {
  const inControl = event.target.matches("input, select");
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "ArrowLeft" && !inControl) move(-1);
  else if (event.key === "ArrowRight" && !inControl) move(1);
  else if (event.key === "o") {
    const slider = $("slider");
    slider.value = slider.value < 100 ? 100 : (slider.dataset.last ?? 50);
    place();
  } else if (event.key === "p" && !event.target.matches("select")) {
    $("mode").value = $("mode").value === "label" ? "person" : "label";
    paint();
    place();
  } else return;
  event.preventDefault();
});
$("slider").addEventListener("input", place);
$("opacity").addEventListener("input", paint);
$("mode").addEventListener("change", () => { paint(); place(); });
$("previous").addEventListener("click", () => move(-1));
$("next").addEventListener("click", () => move(1));
$("close").addEventListener("click", () => viewer.close());

applyFilters();
document.body.dataset.ready = "1";
