import { warn } from './announce.js';
import { onSessionEnded, send } from './api.js';
import { openCustomer } from './customer.js';
import { byId, setText } from './dom.js';
import { openLogin } from './login.js';
import { openSeller } from './seller.js';
import { clearSession, readSession } from './session.js';

// Shows one of three pages: the log-in, a seller's page or a customer's page.

const pages = { seller: openSeller(), customer: openCustomer() };
const login = openLogin(() => show());
/** @type {keyof typeof pages | undefined} */
let openPage;

/** @param {string} [message] shown on the log-in page */
function show(message = '') {
  if (openPage !== undefined) pages[openPage].stop();
  warn('');
  const session = readSession();
  openPage = session?.kind;
  for (const name of ['login', 'seller', 'customer']) byId(name).hidden = name !== (openPage ?? 'login');
  byId('account').hidden = session === undefined;
  document.title = 'seckill console';
  if (session === undefined) {
    login.show(message);
    byId('username').focus();
    return;
  }
  setText(byId('account-name'), session.username);
  setText(byId('account-kind'), session.kind);
  pages[session.kind].start(session.username);
  byId('main').focus();
}

byId('log-out').addEventListener('click', async () => {
  // The tab forgets the token even if the server cannot be reached.
  await send('POST', '/api/auth/logout').catch(() => {});
  clearSession();
  show();
});
onSessionEnded((message) => {
  clearSession();
  show(message);
});
show();
