// The index of the page, its data blocks, and small makers of elements.

const $ = (id) => document.getElementById(id);
const { photos, labelSets, peopleColors } = JSON.parse($("index").textContent);
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
const blockOf = (photo) => {
  const element = photo.block < 0 ? null : $(`block-${photo.block}`);
  const isWhole = element && (document.readyState !== "loading" || element.nextElementSibling);
  return isWhole ? JSON.parse(element.textContent) : null;
};
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const rgb = (color) => `rgb(${color.join(" ")})`;
const swatch = (color) => {
  const element = make("span", { className: "swatch" });
  element.style.background = rgb(color);
  return element;
};
const counted = (count, one, more) => `${count} ${count === 1 ? one : more}`;
