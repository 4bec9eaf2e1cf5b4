import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decideGrabs } from '../../src/commands/decideGrabs.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { givenCoupon, openTestSystem, settled } from '../support/testSystem.ts';

// The worst day: replay in the middle of a sale, killed half-way, and once more.

const { system, config, close } = await openTestSystem();
const other = await openSystem(config, createLog('silent'));
const { mysql } = system;
const stores = { REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlUrl };
const replay = () => startProgram('src/tools/replay.ts', stores);
const test = suite('replay in the middle of a sale');

const asked = (who: string) => ({ customer: who, idempotencyKey: '' });
const COUPONS = 10;
const PIECES = 100_000;
const shadows = async (): Promise<string[]> =>
  (await mysql.raw("SHOW TABLES LIKE '%\\_replay%'"))[0].flatMap(Object.values);

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const limit = Date.now() + 60_000;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error(`never came: ${what}`);
    await sleep(1);
  }
}

test('killed half-way it leaves the live tables alone, run again it swaps, no grab is refused, and all agree', async () => {
  // Given so many events that a replay takes a moment, and a crowd on two processes that goes on buying.
  for (let i = 0; i < COUPONS; i++) await givenCoupon(system, 'ann', `sale ${i}`, PIECES);
  for (let batch = 0; batch < 400; batch++) {
    const customers = Array.from({ length: 100 }, (_, i) => asked(`early ${batch} ${i}`));
    await decideGrabs(system, { seller: 'ann', name: `sale ${batch % COUPONS}` }, customers);
  }
  await settled(system);
  let selling = true;
  let pausing = false;
  let duringReplay = 0;
  const answers = new Map<string, number>();
  const crowd = Array.from({ length: 8 }, async (_, who) => {
    for (let i = 0; selling; i++) {
      const coupon = { seller: 'ann', name: `sale ${(who + i) % COUPONS}` };
      const on = who % 2 === 0 ? system : other.system;
      const answer = await decideGrabs(on, coupon, [asked(`late ${who} ${i}`)]).then(
        ([outcome]) => String(outcome),
        (error) => `refused: ${error.message}`,
      );
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
      if (pausing) duringReplay++;
      // A crowd that leaves the processes some time for the rest.
      await sleep(2);
    }
  });

  // When a replay is killed while it fills its shadows,
  const killed = replay();
  await until('a shadow with rows', async () => {
    const [found] = await mysql.raw("SHOW TABLES LIKE 'coupon\\_grabs\\_replay'");
    return found.length > 0 && (await mysql('coupon_grabs_replay').limit(1)).length > 0;
  });
  killed.kill('SIGKILL');
  assert.is((await killed.ended).status, null);
  assert.ok((await shadows()).length > 0, 'it was killed too late');
  const [before] = await mysql('coupon_grabs').count({ grabs: '*' });
  assert.ok(Number(before?.grabs) >= 40_000, 'the live tables are there');

  // and run again,
  pausing = true;
  const again = await replay().ended;
  pausing = false;
  assert.is(again.status, 0, again.stderr);
  assert.match(again.stdout, /^rebuilt and swapped in: coupons, coupon_grabs/m);
  assert.equal(await shadows(), []);
  selling = false;
  await Promise.all(crowd);

  // Then every grab was answered as it would have been, and all agree.
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
