import { announce } from './announce.js';
import { couponsPath, messageOf, send } from './api.js';
import { openBoard } from './board.js';
import { byId, create, fieldsOf, formatCount, setBar, setText } from './dom.js';
import { follow } from './live.js';
import { openRehearsal } from './rehearsal.js';

/** @typedef {import('../src/live/figures.ts').LiveCoupon} LiveCoupon */
/** @typedef {import('../src/live/figures.ts').LiveFigures} Figures */

/** A seller's page: create coupons, select one and watch it sell. */
export function openSeller() {
  const board = openBoard();
  const rehearsal = openRehearsal();
  const form = byId('create-form', HTMLFormElement);
  /** @type {Map<string, LiveCoupon>} newest first */
  let coupons = new Map();
  /** @type {Map<string, { item: HTMLElement, button: HTMLElement, count: HTMLElement, bar: HTMLElement }>} */
  const rows = new Map();
  let selected = '';
  /** A created coupon that is not in the stream yet. It is selected as soon as it is. */
  let toSelect = '';
  let seller = '';
  let at = 0;
  let stop = () => {};

  /** @param {string} name */
  const select = (name) => {
    const coupon = coupons.get(name);
    if (coupon === undefined) return;
    selected = name;
    rehearsal.selectCoupon(name);
    byId('board').hidden = false;
    byId('board-empty').hidden = true;
    for (const [rowName, { button }] of rows) button.setAttribute('aria-pressed', String(rowName === name));
    board.show(coupon, at);
  };

  /** @param {LiveCoupon} coupon */
  const rowOf = ({ name }) => {
    const known = rows.get(name);
    if (known !== undefined) return known;
    const count = create('span', { class: 'count' });
    const bar = create('span', { class: 'bar', 'aria-hidden': 'true' }, create('span'));
    const title = create('span', { class: 'title' }, name);
    const button = create('button', { type: 'button', 'aria-pressed': 'false' }, title, count, bar);
    button.addEventListener('click', () => select(name));
    const row = { item: create('li', {}, button), button, count, bar };
    rows.set(name, row);
    return row;
  };

  const showList = () => {
    const list = byId('coupon-list');
    let position = list.firstElementChild;
    for (const coupon of coupons.values()) {
      const { item, count, bar } = rowOf(coupon);
      // Moved only when its position is wrong, because moving an element takes the focus away from it.
      if (item !== position) list.insertBefore(item, position);
      else position = item.nextElementSibling;
      setText(count, coupon.left === 0 ? 'sold out' : `${formatCount(coupon.left)} / ${formatCount(coupon.amount)}`);
      setBar(bar, coupon.left / coupon.amount);
    }
    for (const [name, { item }] of rows) {
      if (coupons.has(name)) continue;
      item.remove();
      rows.delete(name);
    }
    byId('coupon-list-empty').hidden = coupons.size > 0;
  };

  /** @param {Figures} figures */
  const show = (figures) => {
    at = figures.at;
    showList();
    board.showSystem(figures);
    rehearsal.show(figures.rehearsal);
    const first = coupons.keys().next().value;
    if (toSelect !== '' && coupons.has(toSelect)) {
      select(toSelect);
      toSelect = '';
    } else if (!coupons.has(selected)) {
      if (first !== undefined) select(first);
    } else if (figures.coupons.some(({ name }) => name === selected)) select(selected);
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    setText(byId('create-message'), '');
    const { name = '', ...rest } = fieldsOf(form);
    try {
      await send('POST', couponsPath(seller), { json: { name, ...rest } });
    } catch (error) {
      setText(byId('create-message'), messageOf(error));
      byId('coupon-name').focus();
      return;
    }
    announce(`${name} is on sale.`);
    for (const id of ['coupon-name', 'coupon-description']) byId(id, HTMLInputElement).value = '';
    if (coupons.has(name)) select(name);
    else toSelect = name;
  });

  return {
    /** @param {string} username */
    start(username) {
      seller = username;
      stop = follow(seller, {
        snapshot(snapshot) {
          coupons = new Map(snapshot.coupons.map((coupon) => [coupon.name, coupon]));
          board.countedSince(snapshot.countedSince);
          rehearsal.setAllowed(snapshot.mayRehearse);
          show(snapshot);
        },
        figures(figures) {
          const added = figures.coupons.filter(({ name }) => !coupons.has(name));
          for (const coupon of figures.coupons) if (coupons.has(coupon.name)) coupons.set(coupon.name, coupon);
          // A Map keeps its insertion order, so new coupons are put in front by building a new one.
          if (added.length > 0)
            coupons = new Map([...added.map((coupon) => /** @type {const} */ ([coupon.name, coupon])), ...coupons]);
          show(figures);
        },
      });
    },
    stop() {
      stop();
      coupons = new Map();
      selected = '';
      showList();
      byId('board').hidden = true;
      byId('board-empty').hidden = false;
    },
  };
}
