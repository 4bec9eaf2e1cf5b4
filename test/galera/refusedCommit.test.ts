import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { until } from '../support/until.ts';
import { openGaleraNodes } from './galeraNodes.ts';

// A node that has lost its majority refuses COMMIT, and may leave the transaction open: the next one on this connection would commit it.

const { one, mysql, close } = await openAll(async (remember) => {
  const { close, ...nodes } = await openGaleraNodes();
  remember(close);
  const { mysql, close: closeMysql } = connectMysql(nodes.urlOf(nodes.one), 1);
  remember(closeMysql);
  await mysql.raw('CREATE TABLE written (id INT PRIMARY KEY)');
  return { ...nodes, mysql };
});
/** The transaction before it is still open. */
const CANNOT_BEGIN = 1568;

const test = suite('a COMMIT that a node of Galera refuses');

for (const [id, description, isolation] of [
  [1, 'with an isolation level', { isolationLevel: 'read committed' }],
  [2, 'without one', {}],
] as const)
  test(`undoes its transaction, and the next one of the pool, ${description}, begins`, async () => {
    const refused = await mysql
      .transaction(async (trx) => {
        await trx.raw(`INSERT INTO written VALUES (${id})`);
        await one.isolate();
      }, isolation)
      .catch(({ errno }) => errno);
    const next = () => mysql.transaction(async (trx) => (await trx.raw('SELECT id FROM written'))[0], isolation);
    // Often enough that the pool does not give the connection up.
    const errors: unknown[] = [];
    let rows: unknown;
    const taken = until('the node takes a transaction', async () => {
      rows = await next().catch(({ errno }) => void errors.push(errno));
      return rows !== undefined;
    });
    await one.join();
    await taken;

    assert.is(refused, 1047);
    assert.equal(rows, []);
    assert.not.ok(errors.includes(CANNOT_BEGIN));
    assert.equal(await mysql('written').select('id'), []);
  });

test.after(close);
test.run();
