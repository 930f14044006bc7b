// Which labels are painted: a switch for each that is in the photo.

import { $, make, swatch, words } from "./make.js";
import { paint, view } from "./picture.js";

const makeSwitch = (name, color) => {
  const box = make("input", { type: "checkbox", checked: !view.hidden.has(name), value: name });
  box.addEventListener("change", () => {
    if (box.checked) view.hidden.delete(name); else view.hidden.add(name);
    paint();
    document.dispatchEvent(new Event("shown-changed"));
  });
  return make("label", { className: "chip switch" }, box, swatch(color), words.label(name));
};
export const listSwitches = () => {
  const { block, photo } = view.current;
  const { names, colors } = photo.labelSet;
  $("switches").replaceChildren(...block.label_ids.map((id) => makeSwitch(names[id], colors[id])));
};
/** Names of the labels that are painted; null if that is all of them. */
export const shownLabels = () => {
  const { block, photo } = view.current;
  const { names } = photo.labelSet;
  const shown = block.label_ids.filter((id) => !view.hidden.has(names[id]));
  if (shown.length === block.label_ids.length) return null;
  return (shown.length ? shown : [0]).map((id) => names[id]); // where all are switched off: the background
};
$("all-labels").addEventListener("click", () => {
  view.hidden.clear();
  listSwitches();
  paint();
  document.dispatchEvent(new Event("shown-changed"));
});
