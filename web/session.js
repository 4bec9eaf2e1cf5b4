// Who is logged in. In sessionStorage: it outlives a reload, ends with the tab, and is the tab's own, so that a seller in one tab and a
// customer in the next are two people. A cookie would be sent along by any page that names this server; a token is not.

const KEY = 'seckill session';

/** @typedef {{ username: string, kind: 'seller' | 'customer', token: string }} Session */

/** @returns {Session | undefined} */
export function readSession() {
  const kept = sessionStorage.getItem(KEY);
  return kept === null ? undefined : JSON.parse(kept);
}

/** @param {Session} session */
export const keepSession = (session) => sessionStorage.setItem(KEY, JSON.stringify(session));
export const dropSession = () => sessionStorage.removeItem(KEY);
