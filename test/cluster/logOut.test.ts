import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logOut } from '../../src/commands/users/logOut.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem, type System } from '../../src/system.ts';
import { openRedisGroup, type RedisGroup } from '../support/redisGroup.ts';
import { openTestStores } from '../support/testStores.ts';
import { until } from '../support/until.ts';

// Users log out at one process and try their tokens at the other one, in both directions, while another Redis takes over. For a while the
// processes may use different Redis servers.

const { group, close: closeGroup } = await openRedisGroup();
const { config, close: closeStores } = await openTestStores({ REDIS_URL: group.url });
const log = createLog(config.logLevel);
const first = await openSystem(config, log);
const second = await openSystem(config, log);
const test = suite('log-outs while a replica takes over');

const failovers: { name: string; begin: (group: RedisGroup) => Promise<() => void> }[] = [
  {
    name: 'the master is frozen',
    async begin({ master }) {
      const frozen = await master();
      frozen.freeze();
      return frozen.thaw;
    },
  },
  {
    // The old master goes on as a master for some seconds.
    name: 'an operator fails over by hand, and one process moves before the other',
    async begin({ master, failOver }) {
      const old = await master();
      await failOver();
      await until('another master', async () => (await master()) !== old);
      const { redis } = first.system;
      const { port } = await master();
      // One of the sentinels may still name the old one.
      await until('the first process uses the new master', () => {
        const isThere = redis.status === 'ready' && redis.stream.remotePort === port;
        if (!isThere && redis.status === 'ready') redis.stream.destroy();
        return isThere;
      });
      await old.send('CLIENT', 'KILL', 'TYPE', 'pubsub');
      return () => {};
    },
  },
];

let number = 0;
/** One log-out after the other; resolves to the tokens that the other process took after the log-out was answered. */
async function logOutUntil(ended: () => boolean, here: System, there: System) {
  const accepted: string[] = [];
  let loggedOut = 0;
  while (!ended()) {
    const claims = { sub: 'bob', kind: 'customer', jti: `token-${number++}`, exp: Date.now() / 1_000 + 600 } as const;
    const answered = await logOut(here, { ...claims, exp: Math.floor(claims.exp) }).then(
      () => true,
      () => false,
    );
    if (!answered) continue;
    loggedOut++;
    const reading = there.revocations.upToDate();
    if (reading !== undefined) await reading;
    if (!there.revocations.isRevoked(claims)) accepted.push(claims.jti);
  }
  return { accepted, loggedOut };
}

for (const { name, begin } of failovers)
  test(`when ${name}, a token whose log-out was answered is refused by every process`, async () => {
    const pairs = [
      [first.system, second.system],
      [second.system, first.system],
    ] as const;
    const isOpen = () => pairs.every(([{ gate }]) => gate.reason() === undefined);
    const isCounted = () => pairs.every(([{ revocations }]) => revocations.upToDate() === undefined);
    await group.replicasFollow(2);
    await until('both processes are counted', isCounted);
    const before = await group.master();
    let ended = false;
    const users = pairs.map(([here, there]) => logOutUntil(() => ended, here, there));
    const endOutage = await begin(group);
    await until('another master', async () => (await group.master()) !== before);
    await until('the gates are shut', () => !isOpen());
    await until('the gates are open', isOpen);
    endOutage();
    await until('both processes are counted again', isCounted);
    ended = true;

    for (const { accepted, loggedOut } of await Promise.all(users)) {
      assert.equal(accepted, []);
      assert.ok(loggedOut > 0);
    }
  });

test.after(async () => {
  await second.close();
  await first.close();
  await closeStores();
  await closeGroup();
});
test.run();
