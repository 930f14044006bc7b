// What this tab, or this browser, remembers of the page. A browser that takes no cookies refuses all of it: then the
// page remembers nothing after it is loaded again, and works all the same.

export const TAB = "sessionStorage";
export const BROWSER = "localStorage";

/** What was kept under a key; null if nothing was, or if nothing can be. */
export const recall = (place, key) => {
  try { return window[place].getItem(key); } catch { return null; }
};
export const keep = (place, key, value) => {
  try { window[place].setItem(key, value); } catch { /* see above */ }
};
