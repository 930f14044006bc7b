"use strict";
(() => {
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

  // ---- gallery ---------------------------------------------------------------------------------

  const gallery = $("gallery");
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
    if (photo.reason) {
      card.classList.add("failed");
      card.append(make("span", { className: "blank" }, photo.message ?? ""));
    } else {
      card.append(make("img", { alt: "", decoding: "async" }));
      observer.observe(card);
    }
    card.append(
      make("span", { className: "name", title: photo.name }, photo.name),
      make("span", { className: "note" }, note + time),
    );
    card.addEventListener("click", () => openViewer(photo));
    return card;
  };
  const cards = photos.map(makeCard);
  const cardOf = new Map(cards.map((card) => [card.photo, card]));

  const shownLabels = new Map();
  for (const photo of photos) {
    photo.labels.forEach((id) => {
      const name = photo.labelSet.names[id];
      const known = shownLabels.get(name) ?? { color: photo.labelSet.colors[id], count: 0 };
      known.count += 1;
      shownLabels.set(name, known);
    });
  }
  const idOf = (name) => labelSets[0].names.indexOf(name);
  const inOrder = [...shownLabels].sort(([a], [b]) => idOf(a) - idOf(b));
  const labelBoxes = inOrder.map(([name, { color, count }]) => {
    const box = make("input", { type: "checkbox", value: name });
    const label = make("label", { title: counted(count, "photo", "photos") }, box, " ", swatch(color), name);
    $("filter-labels").append(label);
    return box;
  });
  $("filter-labels").hidden = labelBoxes.length === 0;

  let shown = [];
  const orders = {
    name: () => 0,
    people: (a, b) => b.photo.people - a.photo.people,
    seconds: (a, b) => (b.photo.seconds ?? -1) - (a.photo.seconds ?? -1),
  };
  const matchesPeople = (photo, wanted) => wanted === ""
    || (!photo.reason && (wanted === "4+" ? photo.people >= 4 : photo.people === Number(wanted)));
  const applyFilters = () => {
    const text = $("filter-name").value.trim().toLowerCase();
    const state = $("filter-state").value;
    const people = $("filter-people").value;
    const labels = labelBoxes.filter((box) => box.checked).map((box) => box.value);
    shown = cards.filter(({ photo }) =>
      photo.name.toLowerCase().includes(text)
      && (state === "" || (state === "failed") === (photo.reason !== ""))
      && matchesPeople(photo, people)
      && labels.every((name) => photo.labelNames.has(name)));
    shown.sort(orders[$("order").value]);
    gallery.replaceChildren(...shown);
    cards.forEach((card) => { card.tabIndex = -1; });
    if (shown.length) shown[0].tabIndex = 0;
    $("count").value = shown.length === photos.length
      ? counted(photos.length, "photo", "photos") : `${shown.length} of ${photos.length} photos`;
  };
  $("filters").addEventListener("input", applyFilters);
  $("filters").addEventListener("reset", () => setTimeout(applyFilters));
  $("filters").addEventListener("submit", (event) => event.preventDefault());

  const focusCard = (card) => {
    if (!card) return;
    shown.forEach((other) => { other.tabIndex = -1; });
    card.tabIndex = 0;
    card.focus();
    card.scrollIntoView({ block: "nearest" });
  };
  const columns = () => getComputedStyle(gallery).gridTemplateColumns.split(" ").length;
  gallery.addEventListener("keydown", (event) => {
    const at = shown.indexOf(event.target.closest(".card"));
    const last = shown.length - 1;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[event.key];
    let to = null;
    if (step !== undefined && at >= 0) to = Math.min(last, Math.max(0, at + step));
    if (event.key === "Home") to = 0;
    if (event.key === "End") to = last;
    if (to === null) return;
    event.preventDefault();
    focusCard(shown[to]);
  });

  // ---- viewer ----------------------------------------------------------------------------------

  const viewer = $("viewer");
  const [below, above] = [$("below"), $("above")];
  let current = null; // { photo, block, labels, people, pixels, composite }
  let picked = null; // { person, label } of the part that is shown alone
  let opening = 0;

  const loadImage = async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    return image;
  };
  const pixelsOf = (image, [height, width]) => {
    const canvas = make("canvas", { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  };
  const loadBlock = async (photo, block) => {
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

  const paint = () => {
    if (!current) return;
    const { labels, people, pixels, composite, photo } = current;
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
      if (id === 0 || (picked && (picked.person !== people[i]
        || (picked.label !== null && picked.label !== labels[i])))) continue;
      const table = tableOf(id);
      for (let c = 0; c < 3; c += 1) out.data[4 * i + c] = table[c][pixels.data[4 * i + c]];
    }
    context.putImageData(out, 0, 0);
  };
  const place = () => {
    const at = $("slider").value;
    above.style.clipPath = `inset(0 0 0 ${at}%)`;
    $("divider").style.left = `${at}%`;
    $("divider").hidden = at <= 0 || at >= 100;
    $("above-name").textContent = $("mode").value === "tryon" ? "Try-on" : "Overlay";
    if ($("slider").value < 100) $("slider").dataset.last = $("slider").value;
  };
  const fit = () => {
    if (!current) return;
    const [height, width] = current.block.hw;
    const picture = $("picture");
    const room = picture.parentElement;
    const free = room.clientHeight - 24 - [...room.children].reduce(
      (sum, child) => sum + (child === picture ? 0 : child.offsetHeight + 8), 0);
    const scale = Math.min((room.clientWidth - 28) / width, Math.max(free, 240) / height);
    picture.style.width = `${Math.floor(width * scale)}px`;
    picture.style.height = `${Math.floor(height * scale)}px`;
  };
  addEventListener("resize", fit);

  const scoreOf = (person, label) => {
    const found = current.block.people.find(({ id }) => id === person);
    const part = found?.parts.find(([id]) => id === label);
    return [part ? part[1] : null, person && found ? found.score : null];
  };
  const describe = (person, label) => {
    const name = label ? current.photo.labelSet.names[label] : person ? "no label" : "Background";
    const [part, whole] = scoreOf(person, label);
    const texts = [part === null || !person ? name : `${name} ${part.toFixed(2)}`];
    if (person) texts.push(whole === null ? `person ${person}` : `person ${person} ${whole.toFixed(2)}`);
    else if (label) texts.push("on nobody");
    return texts.join(" · ");
  };
  let probe = null; // place in the preview, in pixels
  const showProbe = (cross) => {
    const [height, width] = current.block.hw;
    const i = probe.y * width + probe.x;
    const text = describe(current.people[i], current.labels[i]);
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
    if (!current) return;
    const [x, y] = shareOf(event);
    if (dragging) { $("slider").value = clamp(x * 100, 100); place(); }
    const [height, width] = current.block.hw;
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
    if (!step || !current) return;
    event.preventDefault();
    event.stopPropagation();
    const [height, width] = current.block.hw;
    const far = Math.max(1, Math.round(Math.max(height, width) / (event.shiftKey ? 400 : 50)));
    probe ??= { x: width >> 1, y: height >> 1 };
    probe = {
      x: clamp(probe.x + step[0] * far, width - 1), y: clamp(probe.y + step[1] * far, height - 1),
    };
    showProbe(true);
  });

  const pick = (button, person, label) => {
    const again = picked && picked.person === person && picked.label === label;
    picked = again ? null : { person, label };
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
  const listPeople = () => {
    const { block, photo } = current;
    const sections = block.people.map((person) => {
      const title = person.id ? `Person ${person.id}` : "On nobody";
      const color = person.id ? peopleColors[(person.id - 1) % (peopleColors.length - 1) + 1] : null;
      const heading = make("h3", {},
        partButton(person.id, null, title, color, person.id ? person.score : null));
      const items = person.parts.map(([id, score]) => make("li", {}, partButton(
        person.id, id, photo.labelSet.names[id], photo.labelSet.colors[id], person.id ? score : null)));
      return make("section", {}, heading, make("ul", {}, ...items));
    });
    if (!sections.length) sections.push(make("p", {}, "Nobody was found in this photo."));
    if (!block.photo) sections.unshift(make("p", {}, "The photo itself was not there when this page was made."));
    $("people").replaceChildren(...sections);
  };

  const openViewer = async (photo) => {
    const mine = opening += 1;
    const block = blockOf(photo);
    $("viewer-name").textContent = photo.name;
    picked = null;
    probe = null;
    hideProbe();
    if (!viewer.open) viewer.showModal();
    $("picture").hidden = !block;
    document.querySelector(".controls").hidden = !block;
    if (!block) {
      current = null;
      $("people").replaceChildren();
      $("probe").textContent = photo.reason ? `Failed (${photo.reason}): ${photo.message ?? ""}`
        : "This photo has not been read yet; try again in a moment.";
      viewer.dataset.photo = photo.name;
      return;
    }
    const loaded = await loadBlock(photo, block);
    if (mine !== opening) return; // another photo was opened meanwhile
    current = loaded;
    const [height, width] = block.hw;
    for (const canvas of [below, above]) Object.assign(canvas, { width, height });
    below.getContext("2d").putImageData(current.pixels, 0, 0);
    const tryon = [...$("mode").options].find(({ value }) => value === "tryon");
    tryon.disabled = tryon.hidden = !block.tryon;
    if (!block.tryon && $("mode").value === "tryon") $("mode").value = "label";
    $("probe").textContent = "Point at the picture, or move the pointer with the arrow keys.";
    listPeople();
    fit();
    paint();
    place();
    viewer.dataset.photo = photo.name;
  };
  const move = (step) => {
    const name = $("viewer-name").textContent;
    const at = shown.findIndex((card) => card.photo.name === name);
    const to = shown[at + step];
    if (to) openViewer(to.photo);
  };
  viewer.addEventListener("close", () => {
    const card = shown.find((one) => one.photo.name === $("viewer-name").textContent);
    current = null;
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
})();
