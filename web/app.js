import { warn } from './announce.js';
import { send, whenLoggedOut } from './api.js';
import { openCustomer } from './customer.js';
import { byId, setText } from './dom.js';
import { openEntry } from './entry.js';
import { openSeller } from './seller.js';
import { dropSession, readSession } from './session.js';

// Which of the three pages is shown: the way in, a seller's, a customer's.

const pages = { seller: openSeller(), customer: openCustomer() };
const entry = openEntry(() => show());
/** @type {keyof typeof pages | undefined} */
let open;

/** @param {string} [message] for who is at the entry again */
function show(message = '') {
  if (open !== undefined) pages[open].stop();
  warn('');
  const session = readSession();
  open = session?.kind;
  for (const name of ['entry', 'seller', 'customer']) byId(name).hidden = name !== (open ?? 'entry');
  byId('who').hidden = session === undefined;
  document.title = 'seckill console';
  if (session === undefined) {
    entry.show(message);
    byId('username').focus();
    return;
  }
  setText(byId('who-name'), session.username);
  setText(byId('who-kind'), session.kind);
  pages[session.kind].start(session.username);
  byId('main').focus();
}

byId('log-out').addEventListener('click', async () => {
  // Told or not: this tab forgets the token.
  await send('POST', '/api/auth/logout').catch(() => {});
  dropSession();
  show();
});
whenLoggedOut((message) => {
  dropSession();
  show(message);
});
show();
