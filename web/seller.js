import { announce } from './announce.js';
import { ApiError, couponsPath, send } from './api.js';
import { openBoard } from './board.js';
import { byId, create, fieldsOf, formatCount, setBar, setText } from './dom.js';
import { follow } from './live.js';
import { openRehearsal } from './rehearsal.js';

/** @typedef {import('../src/live/figures.ts').LiveCoupon} LiveCoupon */
/** @typedef {import('../src/live/figures.ts').LiveFigures} Figures */

/** A seller's page: put up coupons, choose one, watch it. */
export function openSeller() {
  const board = openBoard();
  const rehearsal = openRehearsal();
  const form = byId('create-form', HTMLFormElement);
  /** @type {Map<string, LiveCoupon>} newest first */
  let coupons = new Map();
  /** @type {Map<string, { item: HTMLElement, button: HTMLElement, count: HTMLElement, bar: HTMLElement }>} */
  const rows = new Map();
  let chosen = '';
  /** Put up and not yet told of by the stream: it is the one to watch when it comes. */
  let awaited = '';
  let seller = '';
  let at = 0;
  let stop = () => {};

  /** @param {string} name */
  const choose = (name) => {
    const coupon = coupons.get(name);
    if (coupon === undefined) return;
    chosen = name;
    rehearsal.aim(name);
    byId('board').hidden = false;
    byId('board-empty').hidden = true;
    for (const [of, { button }] of rows) button.setAttribute('aria-pressed', String(of === name));
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
    button.addEventListener('click', () => choose(name));
    const row = { item: create('li', {}, button), button, count, bar };
    rows.set(name, row);
    return row;
  };

  const showList = () => {
    const list = byId('mine');
    let place = list.firstElementChild;
    for (const coupon of coupons.values()) {
      const { item, count, bar } = rowOf(coupon);
      // Moved only when it stands elsewhere: moving takes the focus away.
      if (item !== place) list.insertBefore(item, place);
      else place = item.nextElementSibling;
      setText(count, coupon.left === 0 ? 'sold out' : `${formatCount(coupon.left)} / ${formatCount(coupon.amount)}`);
      setBar(bar, coupon.left / coupon.amount);
    }
    for (const [name, { item }] of rows) {
      if (coupons.has(name)) continue;
      item.remove();
      rows.delete(name);
    }
    byId('mine-empty').hidden = coupons.size > 0;
  };

  /** @param {Figures} figures */
  const show = (figures) => {
    at = figures.at;
    showList();
    board.showSystem(figures);
    rehearsal.show(figures.rehearsal);
    const first = coupons.keys().next().value;
    if (awaited !== '' && coupons.has(awaited)) {
      choose(awaited);
      awaited = '';
    } else if (!coupons.has(chosen)) {
      if (first !== undefined) choose(first);
    } else if (figures.coupons.some(({ name }) => name === chosen)) choose(chosen);
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    setText(byId('create-message'), '');
    const { name = '', ...rest } = fieldsOf(form);
    try {
      await send('POST', couponsPath(seller), { json: { name, ...rest } });
    } catch (error) {
      setText(byId('create-message'), error instanceof ApiError ? error.message : String(error));
      byId('coupon-name').focus();
      return;
    }
    announce(`${name} is on sale.`);
    for (const id of ['coupon-name', 'coupon-description']) byId(id, HTMLInputElement).value = '';
    if (coupons.has(name)) choose(name);
    else awaited = name;
  });

  return {
    /** @param {string} username */
    start(username) {
      seller = username;
      stop = follow(seller, {
        snapshot(snapshot) {
          coupons = new Map(snapshot.coupons.map((coupon) => [coupon.name, coupon]));
          board.countedSince(snapshot.countedSince);
          rehearsal.allow(snapshot.mayRehearse);
          show(snapshot);
        },
        figures(figures) {
          const fresh = figures.coupons.filter(({ name }) => !coupons.has(name));
          for (const coupon of figures.coupons) if (coupons.has(coupon.name)) coupons.set(coupon.name, coupon);
          // A Map keeps the order in which names came: new ones go before the others.
          if (fresh.length > 0)
            coupons = new Map([...fresh.map((coupon) => /** @type {const} */ ([coupon.name, coupon])), ...coupons]);
          show(figures);
        },
      });
    },
    stop() {
      stop();
      coupons = new Map();
      chosen = '';
      showList();
      byId('board').hidden = true;
      byId('board-empty').hidden = false;
    },
  };
}
