import { openCustomer } from './customer.js';
import { byId, formatTime, setText } from './dom.js';
import { openLogin } from './login.js';
import { openPasswordChange } from './password.js';
import { openTill } from './seller/till.js';
import { openWebhooks } from './seller/webhooks.js';
import { openSeller } from './seller.js';
import { onSessionEnded, send } from './server/api.js';
import { untilAnswered } from './server/retry.js';
import { clearSession, readSession } from './session.js';
import { setSellerOfAddress } from './share.js';

// Shows one of five pages: the log-in, a seller's sales, till or webhooks, or a customer's page.

/** A session that ends within this time is announced. */
const SESSION_WARNING_MS = 300_000;
const SESSION_CHECK_MS = 5_000;

const pages = { seller: openSeller(), customer: openCustomer() };
const till = openTill();
const webhooks = openWebhooks();
const login = openLogin(() => show());
const passwordChange = openPasswordChange((username) => {
  clearSession();
  show('Your password is changed. Please log in with the new one.', username);
});
/** @type {keyof typeof pages | undefined} */
let openPage;

/**
 * @param {string} [message] shown on the log-in page
 * @param {string} [username] filled in on the log-in page
 */
function show(message = '', username = '') {
  if (openPage !== undefined) pages[openPage].stop();
  till.stop();
  webhooks.stop();
  passwordChange.close();
  const session = readSession();
  openPage = session?.kind;
  for (const name of ['login', 'customer']) byId(name).hidden = name !== (openPage ?? 'login');
  showSellersPage();
  byId('account').hidden = session === undefined;
  document.title = 'seckill console';
  showSessionEnd();
  if (session === undefined) return login.show(message, username);
  setText(byId('account-name'), session.username);
  setText(byId('account-kind'), session.kind);
  pages[session.kind].start(session.username);
  if (session.kind === 'seller') till.start(session.username);
  // The page before may have been scrolled down to its form.
  if (isTill()) till.focus();
  else byId('main').focus({ preventScroll: true });
  if (isWebhooks()) webhooks.start(session.username);
  scrollTo(0, 0);
}

const isTill = () => openPage === 'seller' && location.hash === '#till';
const isWebhooks = () => openPage === 'seller' && location.hash === '#webhooks';
/** A seller has three pages. The sales go on while another one is shown. */
function showSellersPage() {
  const isSeller = openPage === 'seller';
  const isSales = !isTill() && !isWebhooks();
  byId('seller').hidden = !isSeller || !isSales;
  byId('till').hidden = !isTill();
  byId('webhooks').hidden = !isWebhooks();
  for (const [id, isCurrent] of /** @type {const} */ ([
    ['to-sales', isSales],
    ['to-till', isTill()],
    ['to-webhooks', isWebhooks()],
  ])) {
    const link = byId(id);
    link.hidden = !isSeller;
    if (isCurrent) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}
addEventListener('hashchange', () => {
  showSellersPage();
  webhooks.stop();
  if (isTill()) till.focus();
  const session = readSession();
  if (isWebhooks() && session !== undefined) webhooks.start(session.username);
});

/** A timer would be too early after 24 days and too late after a device has slept, so the clock is read from time to time. */
setInterval(showSessionEnd, SESSION_CHECK_MS);
function showSessionEnd() {
  const endsAt = readSession()?.endsAt ?? Number.POSITIVE_INFINITY;
  const isNear = endsAt - Date.now() < SESSION_WARNING_MS;
  byId('session-warning').hidden = !isNear;
  if (isNear) setText(byId('session-end'), `Your session ends at ${formatTime(endsAt)}.`);
}
byId('session-renew').addEventListener('click', () => endSession(''));

byId('log-out').addEventListener('click', () => {
  const token = readSession()?.token ?? '';
  // The tab forgets the session at once, even if the server cannot be reached; the log-out is repeated until the server answers.
  void untilAnswered(() => send('POST', '/api/auth/logout', { token }), { signal: new AbortController().signal });
  clearSession();
  setSellerOfAddress('');
  show();
});
/** Shows the log-in page for the same user. @param {string} message */
function endSession(message) {
  const username = readSession()?.username;
  clearSession();
  show(message, username);
}
onSessionEnded(endSession);
show();
