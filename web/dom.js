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

/**
 * The fields of a form by their names, as text.
 * @param {HTMLFormElement} form
 */
export const fieldsOf = (form) =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
