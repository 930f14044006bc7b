// The list of people and their parts; a click shows one part alone.
// Shared with the page of `m2fp serve`.

import { $, make, swatch, words } from "./make.js";
import { paint, view } from "./picture.js";

const pick = (button, person, label) => {
  const { picked } = view;
  const again = picked && picked.person === person && picked.label === label;
  view.picked = again ? null : { person, label };
  for (const other of $("people").querySelectorAll("button")) {
    other.setAttribute("aria-pressed", String(!again && other === button));
  }
  paint();
};
const partButton = (person, label, text, color, score) => {
  const button = make("button", { type: "button" });
  button.append(...(color ? [swatch(color)] : []), text);
  if (score !== null) button.append(make("span", { className: "score" }, score.toFixed(2)));
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => pick(button, person, label));
  return button;
};
export const listPeople = () => {
  const { block, photo } = view.current;
  const { peopleColors } = view;
  const sections = block.people.map((person) => {
    const title = person.id ? words.person(person.id) : words.onNobody;
    const color = person.id ? peopleColors[(person.id - 1) % (peopleColors.length - 1) + 1] : null;
    const heading = make("h3", {},
      partButton(person.id, null, title, color, person.id ? person.score : null));
    const items = person.parts.map(([id, score]) => make("li", {}, partButton(
      person.id, id, words.label(photo.labelSet.names[id]), photo.labelSet.colors[id], person.id ? score : null)));
    return make("section", {}, heading, make("ul", {}, ...items));
  });
  if (!sections.length) sections.push(make("p", {}, words.nobodyFound));
  if (!block.photo) sections.unshift(make("p", {}, words.photoGone));
  $("people").replaceChildren(...sections);
};
