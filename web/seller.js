import { announce } from './announce.js';
import { ApiError, couponsPath, send } from './api.js';
import { byId } from './dom.js';
import { openForm } from './forms.js';
import { follow } from './live.js';
import { untilAnswered } from './retry.js';
import { openBoard } from './seller/board.js';
import { openCouponList } from './seller/couponList.js';
import { openOlderCoupons } from './seller/olderCoupons.js';
import { openRehearsal } from './seller/rehearsal.js';
import { openShare } from './share.js';

/** @typedef {import('../src/live/figures.ts').LiveCoupon} LiveCoupon */
/** @typedef {import('../src/live/figures.ts').LiveFigures} Figures */

const DUPLICATE = 'Create failed. Maybe (username,coupon name) duplicates';

/** A seller's page: create coupons, select one and watch it sell. */
export function openSeller() {
  const board = openBoard();
  const rehearsal = openRehearsal();
  const share = openShare();
  const olderCoupons = openOlderCoupons();
  /** @type {Map<string, LiveCoupon>} newest first */
  let coupons = new Map();
  /** Of the seller, with those that the live stream lacks. */
  let total = 0;
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
  };
  const list = openCouponList(select);

  /** @param {Figures} figures */
  const show = (figures) => {
    at = figures.at;
    total = figures.total;
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
    const isNewName = !coupons.has(name) && coupons.size === total;
    await untilAnswered(
      (isRetry) =>
        send('POST', couponsPath(seller), { json: { name, ...rest }, signal }).catch((error) => {
          // The name was free before, so an earlier attempt has created the coupon, and its answer was lost.
          const wasCreated = isRetry && isNewName && error instanceof ApiError && error.message === DUPLICATE;
          if (!wasCreated) throw error;
        }),
      { signal, onRetry },
    );
    if (signal.aborted) return;
    announce(`${name} is on sale.`);
    justCreated = name;
    for (const id of ['coupon-name', 'coupon-description']) byId(id, HTMLInputElement).value = '';
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
      olderCoupons.stop();
      coupons = new Map();
      total = 0;
      selected = '';
      toSelect = '';
      justCreated = '';
      list.show([]);
      byId('board').hidden = true;
      byId('board-empty').hidden = false;
    },
  };
}
