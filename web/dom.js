// The few things that every part does with the page. Text goes in as text, never as HTML: names are other people's.

/**
 * The element with this id, as what it is.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (found === null || (type !== undefined && !(found instanceof type))) throw new Error(`the page lacks #${id}`);
  return /** @type {T} */ (found);
}

/**
 * A new element with attributes and children; a string is text.
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
 * Changes a text only when it is another one: a screen that is told the same five times a second stays still.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * How full a bar is, from 0 to 1.
 * @param {HTMLElement} bar an element whose first child is the filling
 * @param {number} share
 */
export function setBar(bar, share) {
  const filling = bar.firstElementChild;
  if (filling instanceof HTMLElement) filling.style.transform = `scaleX(${Math.max(0, Math.min(1, share))})`;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
/** @param {number} value */
export const formatCount = (value) => whole.format(value);
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
