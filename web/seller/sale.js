import { byId, formatCount, formatDateTime, formatDuration, setText } from '../dom.js';
import { openMinutesChart } from './charts.js';

/** @typedef {import('../../src/live/figures.ts').LiveCoupon} LiveCoupon */

/** @param {number | null} ms @param {(ms: number) => string} format */
const timeOr = (ms, format) => (ms === null ? '–' : format(ms));

/** The summary of a whole sale: what is stored of it, so that it is the same after a restart. */
export function openSale() {
  const chart = openMinutesChart();
  return {
    showMarks: chart.showMarks,
    /** @param {LiveCoupon} coupon */
    show({ sale: { firstGrabAt, lastGrabAt, minutes, complete }, left, grabbed, released, redeemed }) {
      const isSoldOut = left === 0 && firstGrabAt !== null && lastGrabAt !== null && complete;
      setText(byId('first-grab'), timeOr(complete ? firstGrabAt : null, formatDateTime));
      setText(byId('last-grab'), timeOr(lastGrabAt, formatDateTime));
      setText(byId('sold-out-after'), isSoldOut ? formatDuration(lastGrabAt - firstGrabAt) : '–');
      setText(byId('released'), formatCount(released));
      setText(byId('redeemed'), formatCount(redeemed));
      setText(
        byId('sale-note'),
        complete || grabbed === 0 ? '' : 'Grabs from before this page was opened are still being read from MySQL.',
      );
      byId('sale-chart').hidden = minutes.length === 0;
      chart.show(minutes);
    },
  };
}
