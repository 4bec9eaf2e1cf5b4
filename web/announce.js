import { byId, setText } from './dom.js';

/** Screen readers get at most one announcement in this time. Of several texts in between, only the last is announced. */
const MIN_INTERVAL_MS = 1_500;

let pendingText = '';
let announcedAt = Number.NEGATIVE_INFINITY;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} text */
export function announce(text) {
  pendingText = text;
  clearTimeout(timer);
  timer = setTimeout(
    () => {
      announcedAt = performance.now();
      setText(byId('announcer'), pendingText);
    },
    Math.max(0, announcedAt + MIN_INTERVAL_MS - performance.now()),
  );
}

/** @param {string} text an empty text hides the banner */
export function warn(text) {
  const banner = byId('banner');
  banner.hidden = text === '';
  setText(banner, text);
}
