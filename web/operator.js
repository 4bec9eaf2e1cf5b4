import { warn } from './announce.js';
import { byId, setText } from './dom.js';
import { FieldError, openForm } from './forms.js';
import { openActs } from './operator/act.js';
import { openCouponEvents } from './operator/couponEvents.js';
import { openDamagedCoupons } from './operator/damagedCoupons.js';
import { openDeadLetters } from './operator/deadLetters.js';
import { openOverview } from './operator/overview.js';
import { ask, isTokenRefused, onTokenRefused, reasonOf, toShown } from './operator/requests.js';
import { clearToken, readToken, saveToken } from './operator/session.js';
import { openSubscriptions } from './operator/subscriptions.js';
import { ApiError } from './server/api.js';

// The page of operators: a log-in with a token of OPERATOR_TOKENS, then the state of the system, which is read again every other second.

/** @typedef {import('../src/http/operators/operatorReplies.ts').OperatorState} State */

const READ_EVERY_MS = 2_000;

const overview = openOverview();
const deadLetters = openDeadLetters();
const subscriptions = openSubscriptions();
const couponEvents = openCouponEvents();
const damagedCoupons = openDamagedCoupons(couponEvents.show);
let stop = new AbortController();
/** @type {() => void} */
let wake = () => {};
openActs(() => wake());
// A wide table scrolls inside its region, with the arrow keys too.
for (const region of document.querySelectorAll('.scroll')) region.setAttribute('tabindex', '0');

/** @param {AbortSignal} signal */
async function follow(signal) {
  while (!signal.aborted) {
    try {
      const { data } = await ask('GET', 'state', { signal });
      await show(data, signal);
      showConnection('live', '');
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      showConnection('reconnecting', `These figures are old: ${reasonOf(error)}`);
    }
    await new Promise((resolve) => {
      wake = () => resolve(undefined);
      setTimeout(wake, READ_EVERY_MS);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

/** @param {State} state @param {AbortSignal} signal */
async function show(state, signal) {
  if (signal.aborted) return;
  setText(byId('account-name'), state.operator);
  overview.show(state);
  subscriptions.show(state.mysql.state?.subscriptions);
  const partitions = state.redis.state?.partitions;
  await Promise.all([
    deadLetters.show(
      partitions?.reduce((sum, one) => sum + one.deadLetters, 0),
      signal,
    ),
    damagedCoupons.show(state.redis.state?.damagedCoupons ?? undefined, signal),
  ]);
}

/** @param {'live' | 'reconnecting'} state @param {string} warning */
function showConnection(state, warning) {
  const element = byId('stream-state');
  element.dataset.state = state;
  setText(element, state);
  warn('stream', warning);
}

/** @param {string} [message] shown on the log-in page */
function showPage(message = '') {
  stop.abort();
  stop = new AbortController();
  const isLoggedIn = readToken() !== undefined;
  byId('login').hidden = isLoggedIn;
  byId('system').hidden = !isLoggedIn;
  byId('account').hidden = !isLoggedIn;
  if (isLoggedIn) {
    void follow(stop.signal);
    byId('main').focus({ preventScroll: true });
  } else {
    warn('stream', '');
    couponEvents.stop();
    byId('act', HTMLDialogElement).close();
    setText(byId('login-message'), message);
    byId('token').focus();
  }
  scrollTo(0, 0);
}

const login = openForm('login-form', 'login-message', async ({ token = '' }, { signal }) => {
  const given = token.trim();
  try {
    // A header cannot have other characters, and a token has none.
    if (!/^[!-~]+$/.test(given)) throw new FieldError('token', 'Unknown token.');
    await ask('GET', 'state', { token: given, signal });
  } catch (error) {
    if (error instanceof FieldError) throw error;
    throw isTokenRefused(error) ? new FieldError('token', 'Unknown token.') : toShown(error);
  }
  saveToken(given);
  login.reset();
  showPage();
});

byId('log-out').addEventListener('click', () => {
  clearToken();
  // Nothing of what the operator has seen stays in the page.
  location.reload();
});
onTokenRefused(() => {
  clearToken();
  showPage('The server does not accept your token any more.');
});
showPage();
