// The logged-in user. sessionStorage survives a reload, ends with the tab and is separate for each tab, so a seller and a customer can
// be logged in side by side. A cookie would also be sent with requests that other sites cause.

const KEY = 'seckill session';

/** @typedef {{ username: string, kind: 'seller' | 'customer', token: string, endsAt: number | null }} Session */

/** @returns {Session | undefined} */
export function readSession() {
  const stored = sessionStorage.getItem(KEY);
  return stored === null ? undefined : JSON.parse(stored);
}

/**
 * @param {Omit<Session, 'endsAt'>} session of a token that has just been issued
 */
export function saveSession(session) {
  const endsAt = endOf(session.token);
  sessionStorage.setItem(KEY, JSON.stringify({ ...session, endsAt }));
}
export const clearSession = () => sessionStorage.removeItem(KEY);

/**
 * When a new token expires, in milliseconds on the clock of this device, which may differ from the server's. Null if that cannot be read.
 * @param {string} token
 */
function endOf(token) {
  try {
    const payload = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
    const { iat, exp } = JSON.parse(payload);
    return Number.isFinite(exp - iat) ? Date.now() + (exp - iat) * 1_000 : null;
  } catch {
    return null;
  }
}
