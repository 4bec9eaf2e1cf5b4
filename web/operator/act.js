import { announce } from '../announce.js';
import { byId, setText } from '../dom.js';
import { FieldError, openForm } from '../forms.js';
import { ask, toShown } from './requests.js';

/** @typedef {{ title: string, text: string, action: string, path: string, json?: object, done: string }} Act `done`: what is said after it */

/** @type {Act | undefined} */
let current;
/** @type {() => void} */
let onDone = () => {};

/** The dialog in which an operator confirms an act and gives a reason. @param {() => void} refresh called after each act */
export function openActs(refresh) {
  onDone = refresh;
  const dialog = byId('act', HTMLDialogElement);
  const { reset } = openForm(
    'act-form',
    'act-message',
    async ({ reason = '' }, { signal }) => {
      if (current === undefined) return;
      const { path, json, done } = current;
      if (reason.trim() === '') throw new FieldError('reason', 'Please give a reason.');
      try {
        await ask('POST', path, { json: { ...json, reason }, signal });
      } catch (error) {
        // Without an answer the act may have been done: the page shows it when the figures are read again.
        onDone();
        throw toShown(error);
      }
      dialog.close();
      announce(done);
      onDone();
    },
    { keepsFirst: true },
  );
  byId('act-no').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    if (!dialog.open) reset();
  });
}

/** @param {Act} act */
export function confirmAct(act) {
  current = act;
  setText(byId('act-title'), act.title);
  setText(byId('act-text'), act.text);
  setText(byId('act-yes'), act.action);
  byId('act', HTMLDialogElement).showModal();
  byId('act-reason').focus();
}
