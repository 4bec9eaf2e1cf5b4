import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openMysqlReads } from '../../../src/infra/stores/mysqlReads.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { createDatabase } from '../../support/testStores.ts';

const { reads, close } = openMysqlReads({ mysqlUrl: await createDatabase(), log: createLog('silent') });
const test = suite('the connections for lists');
const one = () => reads.read(async (mysql) => (await mysql.raw('SELECT 1 AS one'))[0][0].one);

/** Given that every connection is taken, until the returned function is called. */
async function givenTakenConnections(): Promise<() => Promise<void>> {
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let taken = 0;
  const holders = [1, 2].map(() =>
    reads.read((mysql) =>
      mysql.transaction(async () => {
        taken++;
        await released;
      }),
    ),
  );
  while (taken < 2) await sleep(5);
  return async () => {
    release();
    await Promise.all(holders);
  };
}

test('queries wait for a connection, and the hundred and first that would wait is refused', async () => {
  const release = await givenTakenConnections();
  const waiting = Array.from({ length: 100 }, one);
  while (reads.mysql.client.pool.numPendingAcquires() < 100) await sleep(5);

  const refused = await one().catch((error) => error);
  await release();

  assert.equal([refused.name, refused.message], ['Unavailable', 'too many lists are read from MySQL']);
  assert.equal(await Promise.all(waiting), new Array(100).fill(1));
  assert.is(await one(), 1);
});

test('a query that MySQL refuses is unavailable, and the next query is answered', async () => {
  const refused = await reads.read((mysql) => mysql.raw('SELECT * FROM none')).catch((error) => error);

  assert.equal([refused.name, refused.message], ['Unavailable', 'MySQL does not answer']);
  assert.is(await one(), 1);
});

test.after(close);
test.run();
