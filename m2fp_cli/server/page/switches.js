// Which labels are painted: a switch for each that is in the photo.

import { $, make, swatch, words } from "/page/make.js";
import { paint, view } from "/page/picture.js";

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
  const names = block.label_ids.map((id) => photo.labelSet.names[id]);
  return names.some((name) => view.hidden.has(name)) ? names.filter((name) => !view.hidden.has(name)) : null;
};
$("all-labels").addEventListener("click", () => {
  view.hidden.clear();
  listSwitches();
  paint();
  document.dispatchEvent(new Event("shown-changed"));
});
