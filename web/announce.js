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

/** @type {Map<string, string>} */
const warnings = new Map();

/**
 * Shows a text in the banner until the same source has another one.
 * @param {'stream' | 'gate' | 'offers' | 'owned'} source
 * @param {string} text an empty text ends the warning
 */
export function warn(source, text) {
  warnings.set(source, text);
  const texts = [...warnings.values()].filter((warning) => warning !== '');
  const banner = byId('banner');
  banner.hidden = texts.length === 0;
  setText(banner, texts.join(' '));
}
