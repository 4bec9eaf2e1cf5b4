import { byId, setText } from './dom.js';
import { openForm } from './forms.js';
import { ApiError, send } from './server/api.js';
import { untilAnswered } from './server/retry.js';
import { saveSession } from './session.js';
import { sellerOfAddress } from './share.js';

const TAKEN = 'Insert user failed. Maybe user name duplicates.';
/** @param {unknown} error */
const isWrongPassword = (error) => error instanceof ApiError && error.message === 'Wrong username or password.';

/** The log-in page. Registering also logs in. @param {() => void} onLogin */
export function openLogin(onLogin) {
  const passwordInput = byId('password', HTMLInputElement);
  const usernameInput = byId('username', HTMLInputElement);
  let registering = false;

  const login = openForm('login-form', 'login-message', async (fields, { signal, onRetry }) => {
    const { username = '', password = '', kind: chosenKind } = fields;
    const options = { signal, onRetry };
    /** @param {string} path @param {object} json */
    const post = (path, json) => send('POST', path, { json, signal });
    /** The refusal of a retry: an attempt before may have registered the user, which the log-in will show. @type {unknown} */
    let taken;
    if (registering)
      await untilAnswered(async (isRetry) => {
        await post('/api/users', { username, password, kind: chosenKind }).catch((error) => {
          if (!(isRetry && error instanceof ApiError && error.message === TAKEN)) throw error;
          taken = error;
        });
      }, options);
    const { body, headers } = await untilAnswered(() => post('/api/auth', { username, password }), options).catch(
      (error) => Promise.reject(isWrongPassword(error) && taken !== undefined ? taken : error),
    );
    saveSession({ username, kind: body.kind, token: headers.get('Authorization') ?? '' });
    login.reset();
    registering = false;
    onLogin();
  });

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
    usernameInput.focus();
  });

  return {
    /**
     * @param {string} message why the user has to log in again, or empty
     * @param {string} username the user who has to log in again, or empty
     */
    show(message, username) {
      showMode();
      usernameInput.value = username;
      const seller = sellerOfAddress();
      byId('login-seller').hidden = seller === '';
      setText(byId('login-seller'), `Log in or register as a customer to see the coupons from ${seller}.`);
      byId('kind-seller', HTMLInputElement).defaultChecked = seller === '';
      byId('kind-customer', HTMLInputElement).defaultChecked = seller !== '';
      setText(byId('login-message'), message);
      (username === '' ? usernameInput : passwordInput).focus();
    },
  };
}
