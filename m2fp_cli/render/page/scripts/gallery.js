// A card for every photo; thumbnails come when they are about to be seen.

import { $, counted, make } from "./make.js";
import { blockOf, photos } from "./index.js";

export const gallery = $("gallery");
const waiting = new Set();
const showThumbnail = (card) => {
  const block = blockOf(card.photo);
  if (!block) { waiting.add(card); return; }
  waiting.delete(card);
  const image = card.querySelector("img");
  image.src = block.thumbnail;
};
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    observer.unobserve(entry.target);
    showThumbnail(entry.target);
  }
}, { rootMargin: "600px" });
const serveWaiting = () => [...waiting].forEach(showThumbnail);
const clock = setInterval(serveWaiting, 100);
document.addEventListener("DOMContentLoaded", () => { clearInterval(clock); serveWaiting(); });

const makeCard = (photo, number) => {
  const card = make("button", { type: "button", className: "card", tabIndex: -1 });
  card.photo = photo;
  card.dataset.number = number;
  const note = photo.reason || counted(photo.people, "person", "people");
  const time = photo.seconds === undefined ? "" : `, ${photo.seconds.toFixed(2)} s`;
  card.classList.toggle("failed", photo.reason !== "");
  if (photo.block < 0) {
    card.append(make("span", { className: "blank" }, photo.message ?? ""));
  } else {
    card.append(make("img", { alt: "", decoding: "async" }));
    observer.observe(card);
  }
  card.append(
    make("span", { className: "name", title: photo.name }, photo.name),
    make("span", { className: "note" }, note + time),
  );
  return card;
};
export const cards = photos.map(makeCard);

// Paper is not scrolled: what has not been seen yet is on it, too.
addEventListener("beforeprint", () => {
  for (const card of gallery.children) {
    observer.unobserve(card);
    if (card.photo.block >= 0) showThumbnail(card);
  }
});
