import { announce } from '../announce.js';
import { confirmAction } from '../confirm.js';
import { byId, formatCount, formatDateTime, setText } from '../dom.js';
import { openForm } from '../forms.js';
import { timesIn, toInputValue } from '../localTime.js';
import { couponPath, messageOf, send } from '../server/api.js';
import { sendCommand } from '../server/command.js';
import { untilAnswered } from '../server/retry.js';

/** @typedef {import('../../src/live/figures.ts').LiveCoupon} LiveCoupon */

const timeFields = /** @type {const} */ (['startsAt', 'endsAt', 'validFrom', 'validUntil']);
const timeInputs = {
  startsAt: 'terms-starts',
  endsAt: 'terms-ends',
  validFrom: 'terms-valid-from',
  validUntil: 'terms-valid-until',
};

/** The buttons that change the shown coupon: restock, pause, resume, new terms, close. */
export function openManage() {
  let seller = '';
  /** @type {LiveCoupon | undefined} */
  let coupon;
  /** Aborted when the seller logs out. A request goes on when another coupon is selected. */
  let ofSeller = new AbortController();
  /** @param {string} text */
  const showMessage = (text) => setText(byId('manage-message'), text);

  /**
   * @param {string} change the last part of its path
   * @param {string} done announced when the change has succeeded
   * @param {{ name: string, json?: object, onRetry?: (text: string) => void }} options
   */
  const change = async (change, done, { name, json, onRetry = showMessage }) => {
    const { signal } = ofSeller;
    await sendCommand('POST', `${couponPath(seller, name)}/${change}`, { signal, onRetry, ...(json && { json }) });
    announce(`${name} ${done}.`);
  };

  let busy = false;
  /**
   * @param {{ title: string, text: string, action: string }} question
   * @param {string} path
   * @param {string} done
   */
  const confirmAndChange = async (question, path, done) => {
    if (coupon === undefined || busy) return;
    const { name } = coupon;
    const { signal } = ofSeller;
    busy = true;
    showMessage('');
    try {
      if (!(await confirmAction(question))) return;
      showMessage('Sending …');
      await change(path, done, { name });
      showMessage('');
    } catch (error) {
      if (!signal.aborted) showMessage(messageOf(error));
    } finally {
      busy = false;
    }
  };
  const isDisabled = (/** @type {string} */ id) => byId(id).getAttribute('aria-disabled') === 'true';

  byId('pause').addEventListener('click', () => {
    if (coupon === undefined || isDisabled('pause')) return;
    const { name } = coupon;
    if (coupon.phase === 'paused')
      void confirmAndChange(
        { title: `Resume ${name}?`, text: 'Customers can grab it again at once.', action: 'Resume' },
        'resume',
        'is resumed',
      );
    else
      void confirmAndChange(
        { title: `Pause ${name}?`, text: 'Nobody can grab it until you resume it. Codes stay good.', action: 'Pause' },
        'pause',
        'is paused',
      );
  });
  byId('close').addEventListener('click', () => {
    if (coupon === undefined || isDisabled('close')) return;
    const text = 'The sale ends for good: it cannot be opened again. Codes that customers have stay good.';
    void confirmAndChange({ title: `Close ${coupon.name}?`, text, action: 'Close for good' }, 'close', 'is closed');
  });

  const restockDialog = byId('restock-dialog', HTMLDialogElement);
  let restocked = '';
  const restock = openForm(
    'restock-form',
    'restock-message',
    async (json, { onRetry }) => {
      await change('restock', 'is restocked', { name: restocked, json, onRetry });
      restockDialog.close();
      byId('restock-amount', HTMLInputElement).value = '';
    },
    { keepsFirst: true },
  );
  byId('restock-open').addEventListener('click', () => {
    if (coupon === undefined || isDisabled('restock-open')) return;
    if (!restock.form.hasAttribute('aria-busy')) restocked = coupon.name;
    setText(byId('restock-title'), `Restock ${restocked}`);
    restockDialog.showModal();
  });
  byId('restock-cancel').addEventListener('click', () => restockDialog.close());

  const termsDialog = byId('terms-dialog', HTMLDialogElement);
  /** The coupon whose terms are edited, as it was. @type {import('../server/api.js').SellerCoupon | undefined} */
  let edited;
  const terms = openForm(
    'terms-form',
    'terms-message',
    async ({ stock = '', description = '' }, { onRetry }) => {
      if (edited === undefined) return;
      const before = edited;
      const times = timesIn(terms.form);
      const changed = timeFields.filter(
        (field) => toInputValue(times[field] ?? undefined) !== toInputValue(before[field]),
      );
      const json = {
        ...(stock !== String(before.stock) && { stock }),
        ...(description !== before.description && { description }),
        ...Object.fromEntries(changed.map((field) => [field, times[field]])),
      };
      if (Object.keys(json).length > 0) await change('terms', 'has new terms', { name: before.name, json, onRetry });
      termsDialog.close();
    },
    { keepsFirst: true },
  );
  byId('terms-open').addEventListener('click', async () => {
    if (coupon === undefined || isDisabled('terms-open')) return;
    if (terms.form.hasAttribute('aria-busy')) return termsDialog.showModal();
    const path = couponPath(seller, coupon.name);
    const { signal } = ofSeller;
    try {
      const { body } = await untilAnswered(() => send('GET', path, { signal }), { signal, onRetry: showMessage });
      showMessage('');
      terms.reset();
      /** @type {import('../server/api.js').SellerCoupon} */
      const found = body.data;
      edited = found;
      setText(byId('terms-title'), `Edit the terms of ${found.name}`);
      byId('terms-stock', HTMLInputElement).value = String(found.stock);
      byId('terms-description', HTMLInputElement).value = found.description;
      for (const field of timeFields) byId(timeInputs[field], HTMLInputElement).value = toInputValue(found[field]);
      termsDialog.showModal();
    } catch (error) {
      if (!signal.aborted) showMessage(messageOf(error));
    }
  });
  byId('terms-cancel').addEventListener('click', () => termsDialog.close());

  return {
    /** @param {string} username */
    start(username) {
      seller = username;
      ofSeller = new AbortController();
    },
    /** @param {LiveCoupon} shown the coupon that the board shows */
    show(shown) {
      if (coupon?.name !== shown.name) showMessage('');
      coupon = shown;
      const { phase, startsAt, endsAt, perCustomer } = shown;
      setText(byId('pause'), phase === 'paused' ? 'Resume' : 'Pause');
      // Not `disabled`, because that would take the keyboard focus away from the button.
      for (const id of ['restock-open', 'pause', 'terms-open', 'close'])
        byId(id).setAttribute('aria-disabled', String(phase === 'closed'));
      const texts = [
        ...(startsAt === null ? [] : [`Sale starts ${formatDateTime(startsAt)}.`]),
        ...(endsAt === null ? [] : [`Sale ends ${formatDateTime(endsAt)}.`]),
        `Each customer can have ${perCustomer === 1 ? 'one piece' : `${formatCount(perCustomer)} pieces`}.`,
        ...(phase === 'closed' ? ['The sale is closed for good.'] : []),
      ];
      setText(byId('window-text'), texts.join(' '));
    },
    stop() {
      ofSeller.abort();
      coupon = undefined;
      edited = undefined;
      for (const dialog of [restockDialog, termsDialog, byId('confirm', HTMLDialogElement)]) dialog.close();
      restock.reset();
      terms.reset();
      showMessage('');
    },
  };
}
