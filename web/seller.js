import { announce } from './announce.js';
import { byId } from './dom.js';
import { openForm } from './forms.js';
import { timesIn, timeZoneName } from './localTime.js';
import { openBoard } from './seller/board.js';
import { openCouponList } from './seller/couponList.js';
import { openHistory } from './seller/history.js';
import { openHolders } from './seller/holders.js';
import { openManage } from './seller/manage.js';
import { openOlderCoupons } from './seller/olderCoupons.js';
import { openRehearsal } from './seller/rehearsal.js';
import { couponsPath } from './server/api.js';
import { sendCommand } from './server/command.js';
import { follow } from './server/live.js';
import { openShare } from './share.js';

/** @typedef {import('../src/live/figures.ts').LiveCoupon} LiveCoupon */
/** @typedef {import('../src/live/figures.ts').LiveFigures} Figures */

/** A seller's page: create coupons, select one and watch it sell. */
export function openSeller() {
  const board = openBoard();
  const rehearsal = openRehearsal();
  const manage = openManage();
  const holders = openHolders();
  const history = openHistory(board.showMarks);
  const share = openShare();
  const olderCoupons = openOlderCoupons();
  /** @type {Map<string, LiveCoupon>} newest first */
  let coupons = new Map();
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
    list.setSelected(name);
    board.show(coupon, at);
    manage.show(coupon);
    holders.select(seller, name);
    history.show(seller, coupon);
  };
  const list = openCouponList(select);

  /** @param {Figures} figures */
  const show = (figures) => {
    at = figures.at;
    list.show([...coupons.values()]);
    olderCoupons.show(figures.total, coupons);
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

  /** The name of the coupon that was just created, until the form is edited. */
  let justCreated = '';
  const creation = openForm('create-form', 'create-message', async ({ name = '', ...rest }, { signal, onRetry }) => {
    // The second half of a double click on a fast server: the name is empty again.
    if (name === '' && justCreated !== '') return;
    const json = { name, ...rest, ...timesIn(creation.form) };
    await sendCommand('POST', couponsPath(seller), { json, signal, onRetry });
    if (signal.aborted) return;
    announce(`${name} is created.`);
    justCreated = name;
    const { amount, stock } = rest;
    creation.form.reset();
    byId('coupon-amount', HTMLInputElement).value = amount ?? '';
    byId('coupon-stock', HTMLInputElement).value = stock ?? '';
    if (coupons.has(name)) select(name);
    else toSelect = name;
  });
  creation.form.addEventListener('input', () => {
    justCreated = '';
  });

  return {
    /** @param {string} username */
    start(username) {
      seller = username;
      share.show(seller);
      olderCoupons.start(seller);
      manage.start(seller);
      for (const element of document.querySelectorAll('.time-zone')) element.textContent = timeZoneName();
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
      creation.reset();
      rehearsal.reset();
      manage.stop();
      holders.stop();
      history.stop();
      olderCoupons.stop();
      coupons = new Map();
      selected = '';
      toSelect = '';
      justCreated = '';
      list.show([]);
      byId('board').hidden = true;
      byId('board-empty').hidden = false;
    },
  };
}
