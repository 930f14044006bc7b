// A short message at the bottom of the page.

import { $ } from "./make.js";

let timer = 0;
let stays = "";
/** Show a message for a moment; `until` is "next" to keep it until the next one, "touched" until something is done. */
export const toast = (message, until = "") => {
  $("toast").textContent = message;
  $("toast").hidden = false;
  stays = until;
  clearTimeout(timer);
  if (!until) timer = setTimeout(() => { $("toast").hidden = true; }, 4000);
};
for (const event of ["pointerdown", "keydown"]) {
  addEventListener(event, () => { if (stays === "touched") $("toast").hidden = true; });
}
