// The open photo: decoding its block, painting colors over it, fitting it into the window.
// Shared with the page of `m2fp serve`.

import { $, make, words } from "./make.js";

export const [below, above] = [$("below"), $("above")];
export const view = {
  current: null, // { photo, block, labels, people, pixels, composite }
  picked: null, // { person, label } of the part that is shown alone
  hidden: new Set(), // names of the labels that are not painted
  peopleColors: [], // [red, green, blue] by person id
};

export const loadImage = async (source) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
};
export const pixelsOf = (image, [height, width]) => {
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
};
export const loadBlock = async (photo, block) => {
  const ids = pixelsOf(await loadImage(block.ids), block.hw).data;
  const labels = new Uint8Array(ids.length / 4);
  const people = new Uint16Array(ids.length / 4);
  for (let i = 0; i < labels.length; i += 1) {
    labels[i] = ids[4 * i];
    people[i] = ids[4 * i + 1] + 256 * ids[4 * i + 2];
  }
  const [height, width] = block.hw;
  const pixels = block.photo
    ? pixelsOf(await loadImage(block.photo), block.hw) : new ImageData(width, height);
  if (!block.photo) for (let i = 3; i < pixels.data.length; i += 4) pixels.data[i] = 255;
  const composite = block.tryon ? pixelsOf(await loadImage(block.tryon), block.hw) : null;
  return { photo, block, labels, people, pixels, composite };
};

const toLinear = (value) => {
  const v = value / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
};
const toStored = (light) => Math.round(
  255 * (light <= 0.0031308 ? light * 12.92 : 1.055 * light ** (1 / 2.4) - 0.055));
const LINEAR = Float32Array.from({ length: 256 }, (_, value) => toLinear(value));
const mixedTable = (color, opacity) => color.map((channel) =>
  Uint8ClampedArray.from({ length: 256 }, (_, value) =>
    toStored(LINEAR[channel] * opacity + LINEAR[value] * (1 - opacity))));

export const paint = () => {
  if (!view.current) return;
  const { labels, people, pixels, composite, photo } = view.current;
  const { picked, peopleColors } = view;
  const names = photo.labelSet.names;
  const isHidden = Uint8Array.from(names, (name) => view.hidden.has(name));
  const mode = $("mode").value;
  const context = above.getContext("2d");
  if (mode === "tryon" && composite) { context.putImageData(composite, 0, 0); return; }
  const opacity = $("opacity").value / 100;
  const byPerson = mode === "person";
  const tables = new Map();
  const tableOf = (id) => {
    if (!tables.has(id)) {
      const color = byPerson ? peopleColors[(id - 1) % (peopleColors.length - 1) + 1]
        : photo.labelSet.colors[id];
      tables.set(id, mixedTable(color, opacity));
    }
    return tables.get(id);
  };
  const out = new ImageData(new Uint8ClampedArray(pixels.data), pixels.width, pixels.height);
  for (let i = 0; i < labels.length; i += 1) {
    const id = byPerson ? people[i] : labels[i];
    if (id === 0 || isHidden[labels[i]] || (picked && (picked.person !== people[i]
      || (picked.label !== null && picked.label !== labels[i])))) continue;
    const table = tableOf(id);
    for (let c = 0; c < 3; c += 1) out.data[4 * i + c] = table[c][pixels.data[4 * i + c]];
  }
  context.putImageData(out, 0, 0);
};
export const place = () => {
  const at = $("slider").value;
  above.style.clipPath = `inset(0 0 0 ${at}%)`;
  $("divider").style.left = `${at}%`;
  $("divider").hidden = at <= 0 || at >= 100;
  $("above-name").textContent = $("mode").value === "tryon" ? words.tryon : words.overlay;
  if ($("slider").value < 100) $("slider").dataset.last = $("slider").value;
};
const [LEAST, USUAL] = [80, 240]; // pixels of height
/** Make the photo as large as its room. A room that grows with what is in it has no height of its own: see USUAL. */
export const fit = () => {
  if (!view.current) return;
  const [height, width] = view.current.block.hw;
  const picture = $("picture");
  const room = picture.parentElement;
  picture.style.height = "0";
  const free = room.clientHeight - 24 - [...room.children].reduce(
    (sum, child) => sum + (child === picture ? 0 : child.offsetHeight + 8), 0);
  const scale = Math.min((room.clientWidth - 28) / width, (free < LEAST ? USUAL : free) / height);
  picture.style.width = `${Math.floor(width * scale)}px`;
  picture.style.height = `${Math.floor(height * scale)}px`;
};
addEventListener("resize", fit);
