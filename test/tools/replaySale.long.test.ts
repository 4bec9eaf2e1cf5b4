import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { decideGrabsOf } from '../support/decideGrabsOf.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { givenCoupon, openTestSystem, settled } from '../support/testSystem.ts';

// A replay during a sale is killed half-way and run again.

const { system, config, close } = await openTestSystem();
const other = await openSystem(config, createLog('silent'));
const { mysql } = system;
const stores = { REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlUrl };
const replay = () => startProgram('src/tools/replay.ts', stores);
const test = suite('a replay during a sale');

const grabOf = (customer: string) => ({ customer, idempotencyKey: '' });
const COUPONS = 10;
const PIECES = 100_000;
const shadows = async (): Promise<string[]> =>
  (await mysql.raw("SHOW TABLES LIKE '%\\_replay%'"))[0].flatMap(Object.values);

async function waitFor(condition: string, isMet: () => Promise<boolean>): Promise<void> {
  const limit = Date.now() + 60_000;
  while (!(await isMet())) {
    if (Date.now() > limit) throw new Error(`timed out waiting for ${condition}`);
    await sleep(1);
  }
}

test('a killed replay leaves the live tables unchanged, the next one swaps, no grab is refused, and all stores agree', async () => {
  // Given so many events that a replay takes a moment, and a crowd that grabs from two systems all the time.
  for (let i = 0; i < COUPONS; i++) await givenCoupon(system, 'ann', `sale ${i}`, PIECES);
  for (let batch = 0; batch < 400; batch++) {
    const customers = Array.from({ length: 100 }, (_, i) => grabOf(`early ${batch} ${i}`));
    await decideGrabsOf(system, { seller: 'ann', name: `sale ${batch % COUPONS}` }, customers);
  }
  await settled(system);
  let selling = true;
  let replaying = false;
  let duringReplay = 0;
  const answers = new Map<string, number>();
  const crowd = Array.from({ length: 8 }, async (_, buyer) => {
    for (let i = 0; selling; i++) {
      const coupon = { seller: 'ann', name: `sale ${(buyer + i) % COUPONS}` };
      const on = buyer % 2 === 0 ? system : other.system;
      const answer = await decideGrabsOf(on, coupon, [grabOf(`late ${buyer} ${i}`)]).then(
        ([result]) => String(result?.outcome),
        (error) => `refused: ${error.message}`,
      );
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
      if (replaying) duringReplay++;
      // Leaves the two systems time for other work.
      await sleep(2);
    }
  });

  // When a replay is killed while it fills its shadows,
  // which a busy machine may see too late: then another one is killed.
  await waitFor('a replay that was killed with rows in a shadow', async () => {
    const killed = replay();
    let ended = false;
    void killed.ended.then(() => (ended = true));
    await waitFor('a shadow with rows', async () => {
      const [found] = await mysql.raw("SHOW TABLES LIKE 'coupon\\_grabs\\_replay'");
      // A shadow that is swapped in has its name no more.
      const rows =
        found.length > 0
          ? await mysql('coupon_grabs_replay')
              .limit(1)
              .catch(() => [])
          : [];
      return rows.length > 0 || ended;
    });
    killed.kill('SIGKILL');
    const { status, stderr } = await killed.ended;
    assert.ok(status === null || status === 0, stderr);
    return status === null && (await shadows()).length > 0;
  });
  const [before] = await mysql('coupon_grabs').count({ grabs: '*' });
  assert.ok(Number(before?.grabs) >= 40_000, 'the live tables are not complete');

  // and run again,
  replaying = true;
  const again = await replay().ended;
  replaying = false;
  assert.is(again.status, 0, again.stderr);
  assert.match(again.stdout, /^rebuilt and swapped in: coupons, coupon_grabs/m);
  assert.equal(await shadows(), []);
  selling = false;
  await Promise.all(crowd);

  // Then every grab was won, and all stores agree.
  assert.equal([...answers.keys()], ['grabbed']);
  assert.ok(duringReplay > 20, `only ${duringReplay} grabs during the replay`);
  await settled(system);
  const verified = await startProgram('src/tools/verify.ts', stores).ended;
  assert.is(verified.status, 0, verified.stdout);
  const compared = await startProgram('src/tools/replay.ts', stores, ['--verify']).ended;
  assert.is(compared.status, 0, compared.stdout);
});

test.after(async () => {
  await endPrograms();
  await other.close();
  await close();
});
test.run();
