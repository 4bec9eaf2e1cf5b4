import { byId, setText } from './dom.js';

/** What is heard by who can't see the page: not more often than this, and the last word always. */
const EVERY_MS = 1_500;

let next = '';
let saidAt = Number.NEGATIVE_INFINITY;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} text */
export function announce(text) {
  next = text;
  clearTimeout(timer);
  timer = setTimeout(
    () => {
      saidAt = performance.now();
      setText(byId('announcer'), next);
    },
    Math.max(0, saidAt + EVERY_MS - performance.now()),
  );
}

/** @param {string} text empty: there is nothing to warn of any more */
export function warn(text) {
  const banner = byId('banner');
  banner.hidden = text === '';
  setText(banner, text);
}
