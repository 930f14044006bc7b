// Small makers of elements, and the words of the viewer. Shared with the page of `m2fp serve`.

export const $ = (id) => document.getElementById(id);
export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const rgb = (color) => `rgb(${color.join(" ")})`;
export const swatch = (color) => {
  const element = make("span", { className: "swatch" });
  element.style.background = rgb(color);
  return element;
};
export const counted = (count, one, more) => `${count} ${count === 1 ? one : more}`;

// What the viewer says; a page in another language puts its own in here.
export const words = {
  person: (id) => `Person ${id}`,
  personHere: (id) => `person ${id}`,
  onNobody: "On nobody",
  onNobodyHere: "on nobody",
  noLabel: "no label",
  label: (name) => name,
  overlay: "Overlay",
  tryon: "Try-on",
  nobodyFound: "Nobody was found in this photo.",
  photoGone: "The photo itself was not there when this page was made.",
};
