import { byId } from './dom.js';
import { openForm } from './forms.js';
import { send } from './server/api.js';
import { untilAnswered } from './server/retry.js';
import { readSession } from './session.js';

/**
 * The dialog that changes the password. The server then refuses all tokens of the user, maybe before the answer arrives: the log-in page
 * is shown already, and the change still has to be reported.
 * @param {(username: string) => void} onChanged
 */
export function openPasswordChange(onChanged) {
  const dialog = byId('password-dialog', HTMLDialogElement);
  const { form, reset } = openForm(
    'password-form',
    'password-message',
    async ({ present = '', password = '' }, { signal, onRetry }) => {
      const username = readSession()?.username ?? '';
      const json = { password: present, newPassword: password };
      await untilAnswered(() => send('POST', '/api/auth/password', { json, signal }), { signal, onRetry });
      reset();
      onChanged(username);
    },
    { keepsFirst: true },
  );
  byId('password-open').addEventListener('click', () => dialog.showModal());
  byId('password-cancel').addEventListener('click', () => dialog.close());
  // No password stays in the page. A change that is under way goes on.
  dialog.addEventListener('close', () => form.hasAttribute('aria-busy') || reset());
  return { close: () => dialog.close() };
}
