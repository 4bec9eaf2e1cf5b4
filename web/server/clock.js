// The clock of the server, because the clock of a device may be wrong by hours. Each answer says how late it is at least: the time in
// it is older than its arrival. Of the last answers, the highest bound is the best, and the clock is never ahead of the server's.

const KEPT_ANSWERS = 20;

/** Milliseconds to add to performance.now(), by the source of the time: the live stream, or headers of answers. */
const offsets = { stream: /** @type {number[]} */ ([]), header: /** @type {number[]} */ ([]) };

/** @param {keyof typeof offsets} source @param {number} serverMs since 1970 */
function observe(source, serverMs) {
  if (Number.isNaN(serverMs)) return;
  offsets[source].push(serverMs - performance.now());
  offsets[source].splice(0, offsets[source].length - KEPT_ANSWERS);
}
/** The time on the clock of Redis, which decides when a sale starts. @param {number} ms since 1970 */
export const observeStream = (ms) => observe('stream', ms);
/** The header has whole seconds. It counts until the live stream has had an event. @param {Response} response */
export const observeAnswer = (response) => observe('header', Date.parse(response.headers.get('Date') ?? ''));

/** Milliseconds since 1970 on the clock of the server; on the clock of the device until the first answer. */
export function serverNow() {
  const known = offsets.stream.length > 0 ? offsets.stream : offsets.header;
  return known.length === 0 ? Date.now() : performance.now() + Math.max(...known);
}

/** No timer may be longer: browsers count its milliseconds in 32 bits. */
const LONGEST_TIMER_MS = 2_000_000_000;

/**
 * Calls back when the server's clock has reached this time. The clock is measured all the time, so it is read again before the call.
 * @param {number} ms since 1970
 * @param {AbortSignal} signal ends the waiting
 * @param {() => void} callback
 */
export function whenServerReaches(ms, signal, callback) {
  if (signal.aborted) return;
  const left = ms - serverNow();
  if (left <= 0) return callback();
  const timer = setTimeout(() => whenServerReaches(ms, signal, callback), Math.min(left, LONGEST_TIMER_MS));
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/** Automatic requests that a moment triggers on many pages at once are spread over this time. */
const SPREAD_MS = 200;
/** Calls back after a random delay. A click never waits for this. @param {AbortSignal} signal @param {() => void} callback */
export function spread(signal, callback) {
  const timer = setTimeout(callback, Math.random() * SPREAD_MS);
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
