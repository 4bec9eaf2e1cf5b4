// Helpers for the DOM. Text is inserted as text, never as HTML, because names come from other users.

/**
 * The element with this id. Throws if it is missing or not of this type.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (found === null || (type !== undefined && !(found instanceof type)))
    throw new Error(`no element #${id} of this type`);
  return /** @type {T} */ (found);
}

/**
 * A new element with attributes and children. A string becomes a text node.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 */
export function create(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Sets a text only if it differs: live figures arrive five times a second and are mostly the same.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Sets how full a bar is.
 * @param {HTMLElement} bar an element whose first child is the filled part
 * @param {number} share from 0 to 1
 */
export function setBar(bar, share) {
  const filled = bar.firstElementChild;
  if (filled instanceof HTMLElement) filled.style.transform = `scaleX(${Math.max(0, Math.min(1, share))})`;
}

const wholeNumber = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
/** @param {number} value */
export const formatCount = (value) => wholeNumber.format(value);
/** @param {number} ms */
export const formatSeconds = (ms) => `${ms < 100 ? (ms / 1_000).toFixed(2) : (ms / 1_000).toFixed(1)} s`;
/** @param {number} ms */
export const formatMs = (ms) => `${ms < 10 ? ms.toFixed(1) : formatCount(ms)} ms`;
/** @param {number} ms since 1970 */
export const formatTime = (ms) => new Date(ms).toLocaleTimeString('en', { hour12: false });
/** @param {number} ms since 1970 */
export const formatDateTime = (ms) =>
  `${new Date(ms).toLocaleDateString('en', { day: 'numeric', month: 'short', year: 'numeric' })}, ${formatTime(ms)}`;
/** A length of time in at most two units. @param {number} ms */
export function formatDuration(ms) {
  if (ms < 60_000) return formatSeconds(ms);
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60)
    return ms < 600_000 ? `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

/** The time until a moment, to the second, as on a clock. @param {number} ms */
export function formatCountdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  if (hours >= 48) return `${Math.floor(hours / 24)} days ${hours % 24} h`;
  const parts = hours > 0 ? [hours, minutes, seconds % 60] : [minutes, seconds % 60];
  return parts.map((part, place) => (place === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/**
 * Shows a number that may have up to 16 digits. A long one gets a smaller font, by the attribute `data-digits`.
 * @param {HTMLElement} element
 * @param {number} value
 */
export function setNumber(element, value) {
  const digits = String(value).length;
  element.dataset.digits = digits > 12 ? 'huge' : digits > 6 ? 'many' : 'few';
  setText(element, formatCount(value));
}
