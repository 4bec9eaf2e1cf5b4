import { byId, setText } from './dom.js';

/**
 * Asks before a step that cannot be taken back. Resolves to whether the user agrees; Escape means no. The browser keeps the focus inside
 * the dialog, and gives it back afterwards.
 * @param {{ title: string, text: string, action: string }} question `action`: the text of the button that agrees
 * @returns {Promise<boolean>}
 */
export function confirmAction({ title, text, action }) {
  const dialog = byId('confirm', HTMLDialogElement);
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(byId('confirm-yes'), action);
  return new Promise((resolve) => {
    const answered = new AbortController();
    const { signal } = answered;
    const finish = (/** @type {boolean} */ isAgreed) => {
      answered.abort();
      dialog.close();
      resolve(isAgreed);
    };
    byId('confirm-yes').addEventListener('click', () => finish(true), { signal });
    byId('confirm-no').addEventListener('click', () => finish(false), { signal });
    dialog.addEventListener('cancel', () => finish(false), { signal });
    // The browser sends `close` some moments after the dialog has closed. By then the dialog may be open for the next question.
    dialog.addEventListener('close', () => dialog.open || finish(false), { signal });
    dialog.showModal();
    byId('confirm-no').focus();
  });
}
