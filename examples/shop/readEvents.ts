import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../client/client.ts';
import type { Orders } from './orders.ts';

const WAIT_SECONDS = 20;
const MAX_DELAY_MS = 5_000;

/**
 * Reads the events of one seller for ever and makes orders of them. A request waits at seckill until there is an event (a long poll).
 * Returns the closer.
 */
export function followEvents(source: { seckillUrl: string; token: string; seller: string; orders: Orders }) {
  const { seckillUrl, token, seller, orders } = source;
  const stop = new AbortController();
  const seckill = createClient(seckillUrl, { token });

  async function readPage(): Promise<void> {
    const after = orders.cursor();
    const { data, response, error } = await seckill.GET('/api/events', {
      params: { query: { ...(after && { after }), seller, type: 'CouponGrabbed,GrabReleased', wait: WAIT_SECONDS } },
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(2_000 * WAIT_SECONDS)]),
    });
    const next = response.headers.get('Next-Cursor');
    if (!Array.isArray(data) || next === null) throw new Error(`${response.status} ${JSON.stringify(error)}`);
    // The cursor moves with the orders, and never before them: after a crash the page is read again.
    if (next !== after) orders.take(data, next);
    for (const { type, data: grab } of data) if ('customer' in grab) console.log(`order: ${type} of ${grab.customer}`);
  }

  const following = (async () => {
    for (let delay = 100; !stop.signal.aborted; ) {
      try {
        await readPage();
        delay = 100;
      } catch (failure) {
        if (stop.signal.aborted) return;
        console.log(`order: no events, asking again (${(failure as Error).message})`);
        await sleep(delay * (0.5 + Math.random()), undefined, { signal: stop.signal }).catch(() => {});
        delay = Math.min(2 * delay, MAX_DELAY_MS);
      }
    }
  })();
  return () => {
    stop.abort();
    return following;
  };
}
