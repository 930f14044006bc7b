// A short message at the bottom of the page.

import { $ } from "./make.js";

let timer = 0;
export const toast = (message, stays = false) => {
  $("toast").textContent = message;
  $("toast").hidden = false;
  clearTimeout(timer);
  if (!stays) timer = setTimeout(() => { $("toast").hidden = true; }, 4000);
};
