import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { ServerConfig } from '../../src/config.ts';
import type { System } from '../../src/system.ts';
import { startProgram } from '../support/program.ts';
import { customer, givenCoupon, grabOutcome, loggedEvents, settled } from '../support/testSystem.ts';

const AT_ONCE = 8;

/** A sale that goes on until `end`, which resolves to the customers that were told that they have a piece. */
export async function startSale(system: System, name: string) {
  await givenCoupon(system, 'ann', name, 1_000_000);
  const winners: string[] = [];
  let ended = false;
  let next = 0;
  const crowd = Array.from({ length: AT_ONCE }, async () => {
    while (!ended) {
      const who = `customer ${next++}`;
      const outcome = await grabOutcome(system, customer(who), { seller: 'ann', name }).catch(() => 'unknown');
      if (outcome === 'grabbed') winners.push(who);
      await sleep(5);
    }
  });
  const end = async () => {
    ended = true;
    await Promise.all(crowd);
    return winners;
  };
  return { end, winners };
}

/** Every customer who was told so has a piece in the log, once; the versions have no gap. */
export async function mustHaveAll(system: System, name: string, winners: readonly string[]) {
  await settled(system);
  const events = await loggedEvents(system, 'ann', name);
  assert.equal(
    events.map(({ version }) => version),
    events.map((_event, index) => index + 1),
  );
  const holders = events.flatMap((event) => (event.type === 'CouponGrabbed' ? [event.data.customer] : []));
  assert.is(new Set(holders).size, holders.length);
  const missing = winners.filter((who) => !holders.includes(who));
  assert.equal(missing, []);
  assert.ok(winners.length > 0);
}

/** Redis, the tables and the log agree. */
export async function mustBeVerified(config: ServerConfig) {
  const verified = await startProgram('src/tools/verify.ts', { REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlUrl })
    .ended;
  assert.is(verified.status, 0, `${verified.stdout}${verified.stderr}`);
}
