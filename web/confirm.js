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
    let isAgreed = false;
    const agree = () => {
      isAgreed = true;
      dialog.close();
    };
    byId('confirm-yes').addEventListener('click', agree, { signal });
    byId('confirm-no').addEventListener('click', () => dialog.close(), { signal });
    dialog.addEventListener(
      'close',
      () => {
        answered.abort();
        resolve(isAgreed);
      },
      { signal },
    );
    dialog.showModal();
    byId('confirm-no').focus();
  });
}
