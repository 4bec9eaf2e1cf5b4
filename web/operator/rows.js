/**
 * Shows items so that the element of an item stays the same while the item is there: the page updates itself every other second, and the
 * focus on a button must survive that.
 * @template Item
 * @param {HTMLElement} parent
 * @param {{ keyOf: (item: Item) => string, make: (latest: () => Item) => { element: HTMLElement, update: (item: Item) => void } }} options
 *   `latest` gives the item as it was last shown
 */
export function createRows(parent, { keyOf, make }) {
  /** @typedef {{ item: Item, element: HTMLElement, update: (item: Item) => void }} Row */
  /** @type {Map<string, Row>} */
  const rows = new Map();
  const add = (/** @type {string} */ key, /** @type {Item} */ item) => {
    const latest = { item };
    /** @type {Row} */
    const row = Object.assign(
      latest,
      make(() => latest.item),
    );
    rows.set(key, row);
    return row;
  };
  return {
    /** @param {readonly Item[]} items */
    show(items) {
      const keys = new Set(items.map(keyOf));
      for (const [key, { element }] of rows) {
        if (keys.has(key)) continue;
        element.remove();
        rows.delete(key);
      }
      for (const [place, item] of items.entries()) {
        const key = keyOf(item);
        const row = rows.get(key) ?? add(key, item);
        row.item = item;
        row.update(item);
        // An element that is moved loses the focus.
        if (parent.children[place] !== row.element) parent.insertBefore(row.element, parent.children[place] ?? null);
      }
    },
  };
}
