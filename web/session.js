// The logged-in user. sessionStorage survives a reload, ends with the tab and is separate for each tab, so a seller and a customer can
// be logged in side by side. A cookie would also be sent with requests that other sites cause.

const KEY = 'seckill session';

/** @typedef {{ username: string, kind: 'seller' | 'customer', token: string }} Session */

/** @returns {Session | undefined} */
export function readSession() {
  const stored = sessionStorage.getItem(KEY);
  return stored === null ? undefined : JSON.parse(stored);
}

/** @param {Session} session */
export const saveSession = (session) => sessionStorage.setItem(KEY, JSON.stringify(session));
export const clearSession = () => sessionStorage.removeItem(KEY);
