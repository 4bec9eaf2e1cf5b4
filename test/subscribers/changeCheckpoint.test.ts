import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodesOf } from '../../src/infra/failover/nodes.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { eventColumns, toLogRows } from '../../src/projections/log/eventRows.ts';
import { projectionTransaction, runOnPool } from '../../src/projections/log/pause.ts';
import { insertRows, type RunSql } from '../../src/projections/log/sql.ts';
import { listSubscriptions, skipNext } from '../../src/subscribers/changeCheckpoint.ts';
import { couponRef, created, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

const url = await createDatabase();
await migrateTables(url);
const { mysql, close: closeMysql } = connectMysql(url, 2);
const { nodes } = nodesOf(url);
const onPool = runOnPool(mysql);
// One connection, as the tools of operators have it.
const { mysql: tool, close: closeTool } = connectMysql(url, 1);
const run = runOnPool(tool);
const test = suite('what an operator sees and changes of the subscriptions');

const ofZoe = (name: string) => ({ ...couponRef(name), seller: 'zoe' });
const end = async () =>
  Number((await onPool('SELECT COALESCE(MAX(position), 0) AS position FROM event_log'))[0]?.position);
/** The webhook of a seller, whose checkpoint is the end of the log. */
async function givenWebhook(): Promise<number> {
  for (const table of ['webhooks', 'subscriptions']) await mysql(table).delete();
  const position = await end();
  await mysql('webhooks').insert({ id: 'w', owner: 'zoe', url: 'https://a/', secret: 'x', created_at: 1 });
  await mysql('subscriptions').insert({ name: 'webhook:w', position });
  return position;
}
/** The one event of a coupon of the webhook's seller. Resolves to its id. */
async function givenOwnEvent(name: string, position?: number): Promise<string> {
  const event = created(ofZoe(name), 9);
  const rows = toLogRows([event]).map((row) => `(${position ?? 'DEFAULT'},${row.slice(1)}`);
  await insertRows(onPool, 'event_log', ['position', ...eventColumns].join(','), rows);
  return event.id;
}
/** So many events of another seller. */
async function givenForeignEvents(name: string, count: number): Promise<void> {
  const coupon = couponRef(name);
  const events = Array.from({ length: count }, (_, i) =>
    i === 0 ? created(coupon, count) : grabbed(coupon, i + 1, `c${i}`, count - i),
  );
  await insertRows(onPool, 'event_log', eventColumns.join(','), toLogRows(events));
}
/** Rows that the connection has read so far. */
const rowsRead = async () => {
  const rows = await run("SHOW SESSION STATUS LIKE 'Handler_read%next'");
  return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
};
const nextEvent = async () => (await listSubscriptions(run)).find(({ name }) => name === 'webhook:w')?.nextEvent;

test('the list names the next event of a seller when it is near the checkpoint, and does not search the whole log', async () => {
  for (const [name, distance] of [
    ['near', 20_000],
    ['far', 20_001],
  ] as const) {
    const from = await givenWebhook();
    const id = await givenOwnEvent(name, from + distance);
    assert.is((await nextEvent())?.id, name === 'near' ? id : undefined);
  }
});

test('a skip finds the next event of a seller however far it is', async () => {
  const from = await givenWebhook();
  const id = await givenOwnEvent('very far', from + 100_000);

  const skipped = await skipNext({ run, nodes }, 'webhook:w', 'a test', id);

  assert.is(skipped?.id, id);
  assert.is(Number((await mysql('subscriptions').where({ name: 'webhook:w' }))[0].position), from + 100_000);
});

for (const [what, last] of [
  ['that is not the last one', 'own'],
  ['when there is none', 'none'],
] as const)
  test(`a skip of the event of a seller ${what} searches the log before it pauses the projection`, async () => {
    await givenWebhook();
    await givenForeignEvents(`foreign ${last}`, 3_000);
    if (last === 'own') await givenOwnEvent('after many');
    const readInPauses: number[] = [];
    let before = 0;
    const counting: RunSql = async (statement) => {
      if (statement === 'COMMIT') readInPauses.push((await rowsRead()) - before);
      const rows = await run(statement);
      if (statement.includes('projection_pause')) before = await rowsRead();
      return rows;
    };

    const skipped = await skipNext({ run: counting, nodes }, 'webhook:w', 'a test');

    assert.is(skipped !== undefined, last === 'own');
    assert.ok(readInPauses.length > 0);
    for (const count of readInPauses) assert.ok(count < 500, `${count} rows`);
  });

test('a skip leaves out an event that is committed late, not the one behind it', async () => {
  await givenWebhook();
  const late = created(ofZoe('late'), 9);
  let skipping: ReturnType<typeof skipNext> | undefined;
  await projectionTransaction(mysql, async (_, runLate) => {
    await insertRows(runLate, 'event_log', eventColumns.join(','), toLogRows([late]));
    await givenOwnEvent('earlier committed');
    skipping = skipNext({ run, nodes }, 'webhook:w', 'a test');
  });

  assert.is((await skipping)?.id, late.id);
});

test('a skip leaves out the next event of the checkpoint as it is during the pause', async () => {
  await givenWebhook();
  await givenOwnEvent('delivered meanwhile');
  const delivered = await end();
  const next = await givenOwnEvent('next');
  let pauses = 0;
  const moving: RunSql = async (statement) => {
    // Given a process that delivers the first event after the search.
    if (statement === 'START TRANSACTION' && ++pauses === 2)
      await mysql('subscriptions').where({ name: 'webhook:w' }).update({ position: delivered });
    return run(statement);
  };

  const skipped = await skipNext({ run: moving, nodes }, 'webhook:w', 'a test');

  assert.is(skipped?.id, next);
});

test.after(async () => {
  await closeTool();
  await closeMysql();
});
test.run();
