// The index of the page and its data blocks.

import { $ } from "./make.js";
import { view } from "./picture.js";

export const { photos, labelSets, peopleColors } = JSON.parse($("index").textContent);
view.peopleColors = peopleColors;
photos.forEach((photo) => {
  photo.block = photo.block ?? -1;
  photo.people = photo.people ?? 0;
  photo.labels = photo.labels ?? [];
  photo.labelSet = labelSets[photo.label_set ?? 0];
  photo.reason = photo.reason ?? "";
  photo.labelNames = new Set(photo.labels.map((id) => photo.labelSet.names[id]));
});

// The heavy blocks stand behind this script, so that the page shows before they have arrived.
// While the page loads, the last element may still be growing: it counts once another follows.
export const blockOf = (photo) => {
  const element = photo.block < 0 ? null : $(`block-${photo.block}`);
  const isWhole = element && (document.readyState !== "loading" || element.nextElementSibling);
  return isWhole ? JSON.parse(element.textContent) : null;
};
