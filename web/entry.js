import { ApiError, send } from './api.js';
import { byId, fieldsOf, setText } from './dom.js';
import { keepSession } from './session.js';

/** The way in: log in, or register and be logged in. `onEnter` hears that it has worked. @param {() => void} onEnter */
export function openEntry(onEnter) {
  const form = byId('entry-form', HTMLFormElement);
  const password = byId('password', HTMLInputElement);
  let registers = false;
  let busy = false;

  const showMode = () => {
    const title = registers ? 'Register' : 'Log in';
    setText(byId('entry-form-title'), title);
    setText(byId('entry-submit'), title);
    setText(byId('entry-question'), registers ? 'Here before?' : 'New here?');
    setText(byId('entry-switch'), registers ? 'Log in' : 'Register');
    byId('kind-field').hidden = !registers;
    byId('password-hint').hidden = !registers;
    password.autocomplete = registers ? 'new-password' : 'current-password';
    setText(byId('entry-message'), '');
  };
  byId('entry-switch').addEventListener('click', () => {
    registers = !registers;
    showMode();
    byId('username').focus();
  });

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    setText(byId('entry-message'), '');
    const { username = '', password: given = '', kind } = fieldsOf(form);
    try {
      if (registers) await send('POST', '/api/users', { json: { username, password: given, kind } });
      const response = await send('POST', '/api/auth', { json: { username, password: given } });
      const { kind: known } = await response.json();
      keepSession({ username, kind: known, token: response.headers.get('Authorization') ?? '' });
      form.reset();
      registers = false;
      showMode();
      onEnter();
    } catch (error) {
      setText(byId('entry-message'), error instanceof ApiError ? error.message : String(error));
      byId('username').focus();
    } finally {
      busy = false;
    }
  });

  return {
    /** @param {string} message why one is here again */
    show(message) {
      setText(byId('entry-message'), message);
    },
  };
}
