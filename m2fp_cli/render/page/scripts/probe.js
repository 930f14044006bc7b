// What is under the pointer: label, person, scores; dragging moves the slider.
// Shared with the page of `m2fp serve`.

import { $, words } from "./make.js";
import { place, view } from "./picture.js";

const scoreOf = (person, label) => {
  const found = view.current.block.people.find(({ id }) => id === person);
  const part = found?.parts.find(([id]) => id === label);
  return [part ? part[1] : null, person && found ? found.score : null];
};
const describe = (person, label) => {
  const { names } = view.current.photo.labelSet;
  const name = label || !person ? words.label(names[label]) : words.noLabel;
  const [part, whole] = scoreOf(person, label);
  const texts = [part === null || !person ? name : `${name} ${part.toFixed(2)}`];
  if (person) texts.push(whole === null ? words.personHere(person) : `${words.personHere(person)} ${whole.toFixed(2)}`);
  else if (label) texts.push(words.onNobodyHere);
  return texts.join(" · ");
};
let probe = null; // place in the preview, in pixels
export const forgetProbe = () => {
  probe = null;
  hideProbe();
};
const showProbe = (cross) => {
  const [height, width] = view.current.block.hw;
  const i = probe.y * width + probe.x;
  const text = describe(view.current.people[i], view.current.labels[i]);
  $("probe").textContent = text;
  const [left, top] = [(probe.x + 0.5) / width * 100, (probe.y + 0.5) / height * 100];
  const tip = $("tip");
  tip.textContent = text;
  tip.hidden = false;
  tip.style.left = left > 60 ? "" : `calc(${left}% + 14px)`;
  tip.style.right = left > 60 ? `calc(${100 - left}% + 14px)` : "";
  tip.style.top = `calc(${top}% ${top > 85 ? "- 34px" : "+ 14px"})`;
  $("cross").hidden = !cross;
  $("cross").style.left = `${left}%`;
  $("cross").style.top = `${top}%`;
};
const hideProbe = () => {
  $("tip").hidden = true;
  $("cross").hidden = true;
};
const clamp = (value, most) => Math.min(most, Math.max(0, value));
const picture = $("picture");
let dragging = false;
const shareOf = (event) => {
  const box = picture.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
picture.addEventListener("pointermove", (event) => {
  if (!view.current) return;
  const [x, y] = shareOf(event);
  if (dragging) { $("slider").value = clamp(x * 100, 100); place(); }
  const [height, width] = view.current.block.hw;
  probe = { x: clamp(Math.floor(x * width), width - 1), y: clamp(Math.floor(y * height), height - 1) };
  showProbe(false);
});
picture.addEventListener("pointerdown", (event) => {
  dragging = true;
  picture.setPointerCapture(event.pointerId);
  $("slider").value = clamp(shareOf(event)[0] * 100, 100);
  place();
});
picture.addEventListener("pointerup", () => { dragging = false; });
picture.addEventListener("pointercancel", () => { dragging = false; });
picture.addEventListener("pointerleave", hideProbe);
picture.addEventListener("blur", hideProbe);
picture.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step || !view.current) return;
  event.preventDefault();
  event.stopPropagation();
  const [height, width] = view.current.block.hw;
  const far = Math.max(1, Math.round(Math.max(height, width) / (event.shiftKey ? 400 : 50)));
  probe ??= { x: width >> 1, y: height >> 1 };
  probe = {
    x: clamp(probe.x + step[0] * far, width - 1), y: clamp(probe.y + step[1] * far, height - 1),
  };
  showProbe(true);
});
