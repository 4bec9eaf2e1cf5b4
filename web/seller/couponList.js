import { byId, create, formatCount, setBar, setText } from '../dom.js';
import { statusTexts } from '../messages.js';

/** @typedef {import('../../src/live/figures.ts').LiveCoupon} LiveCoupon */

/** @param {LiveCoupon} coupon */
function countText({ status, left, amount }) {
  const rest = `${formatCount(left)} / ${formatCount(amount)}`;
  if (status === 'on-sale') return rest;
  return status === 'scheduled' || status === 'paused' ? `${status} · ${rest}` : statusTexts[status];
}

/**
 * The list of coupons to select from, as a list box: one stop for the Tab key however long it is; the arrow keys move within it.
 * @param {(name: string) => void} onSelect
 */
export function openCouponList(onSelect) {
  const list = byId('coupon-list');
  /** @type {Map<string, { item: HTMLElement, count: HTMLElement, bar: HTMLElement }>} */
  const rows = new Map();
  let selected = '';

  /** @param {LiveCoupon} coupon */
  const rowOf = ({ name }) => {
    const known = rows.get(name);
    if (known !== undefined) return known;
    const count = create('span', { class: 'count' });
    const bar = create('span', { class: 'bar', 'aria-hidden': 'true' }, create('span'));
    const item = create('div', { role: 'option' }, create('span', { class: 'title' }, name), count, bar);
    item.addEventListener('click', () => choose(item));
    const row = { item, count, bar };
    rows.set(name, row);
    return row;
  };
  const mark = () => {
    for (const [name, { item }] of rows) {
      item.setAttribute('aria-selected', String(name === selected));
      // Without a selection, the first coupon is the stop of the Tab key.
      item.tabIndex = name === selected || (!rows.has(selected) && item === list.firstElementChild) ? 0 : -1;
    }
  };
  /** @param {Element | null | undefined} item */
  const choose = (item) => {
    const [name] = [...rows].find(([, row]) => row.item === item) ?? [];
    if (name === undefined || !(item instanceof HTMLElement)) return;
    item.focus();
    onSelect(name);
  };
  list.addEventListener('keydown', (event) => {
    const item = document.activeElement;
    const next = {
      ArrowDown: item?.nextElementSibling,
      ArrowUp: item?.previousElementSibling,
      Home: list.firstElementChild,
      End: list.lastElementChild,
      Enter: item,
      ' ': item,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    choose(next);
  });

  return {
    /** @param {LiveCoupon[]} coupons */
    show(coupons) {
      let position = list.firstElementChild;
      for (const coupon of coupons) {
        const { item, count, bar } = rowOf(coupon);
        // Moved only when its position is wrong, because moving an element takes the focus away from it.
        if (item !== position) list.insertBefore(item, position);
        else position = item.nextElementSibling;
        setText(count, countText(coupon));
        setBar(bar, coupon.left / coupon.amount);
      }
      const names = new Set(coupons.map(({ name }) => name));
      for (const [name, { item }] of rows) {
        if (names.has(name)) continue;
        item.remove();
        rows.delete(name);
      }
      mark();
      list.hidden = coupons.length === 0;
      byId('coupon-list-empty').hidden = coupons.length > 0;
    },
    /** @param {string} name */
    setSelected(name) {
      selected = name;
      mark();
    },
  };
}
