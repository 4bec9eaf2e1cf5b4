import { messageOf, send } from './api.js';
import { byId, fieldsOf, setText } from './dom.js';
import { saveSession } from './session.js';

/** The log-in page. Registering also logs in. @param {() => void} onLogin */
export function openLogin(onLogin) {
  const form = byId('login-form', HTMLFormElement);
  const passwordInput = byId('password', HTMLInputElement);
  let registering = false;
  let busy = false;

  const showMode = () => {
    const title = registering ? 'Register' : 'Log in';
    setText(byId('login-form-title'), title);
    setText(byId('login-submit'), title);
    setText(byId('login-question'), registering ? 'Already registered?' : 'New here?');
    setText(byId('login-switch'), registering ? 'Log in' : 'Register');
    byId('kind-field').hidden = !registering;
    byId('password-hint').hidden = !registering;
    passwordInput.autocomplete = registering ? 'new-password' : 'current-password';
    setText(byId('login-message'), '');
  };
  byId('login-switch').addEventListener('click', () => {
    registering = !registering;
    showMode();
    byId('username').focus();
  });

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    setText(byId('login-message'), '');
    const { username = '', password = '', kind: chosenKind } = fieldsOf(form);
    try {
      if (registering) await send('POST', '/api/users', { json: { username, password, kind: chosenKind } });
      const response = await send('POST', '/api/auth', { json: { username, password } });
      const { kind } = await response.json();
      saveSession({ username, kind, token: response.headers.get('Authorization') ?? '' });
      form.reset();
      registering = false;
      showMode();
      onLogin();
    } catch (error) {
      setText(byId('login-message'), messageOf(error));
      byId('username').focus();
    } finally {
      busy = false;
    }
  });

  return {
    /** @param {string} message why the user has to log in again, or empty */
    show(message) {
      setText(byId('login-message'), message);
    },
  };
}
