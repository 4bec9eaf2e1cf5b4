import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { openNodes } from '../../src/infra/failover/nodes.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem, type System } from '../../src/system.ts';
import { interceptQueries } from '../support/poolQueries.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';
import { until } from '../support/until.ts';
import { type GaleraNode, openGaleraNodes } from './galeraNodes.ts';
import { mustHaveAll, startSale } from './sale.ts';

// A sale on three nodes of Galera, the node in use of which is isolated, frozen or killed.

const { one, two, three, urlOf, system, config, close } = await openAll(async (remember) => {
  const { close, ...nodes } = await openGaleraNodes();
  remember(close);
  const stores = await openTestStores({ MYSQL_URL: nodes.url });
  remember(stores.close);
  const { system, close: closeSystem } = await openSystem(stores.config, createLog(stores.config.logLevel));
  remember(closeSystem);
  return { ...nodes, system, config: stores.config };
});
const test = suite('MySQL with several hosts, on Galera');

/** The node that the pool of the projection is connected to. */
async function nodeInUse(): Promise<GaleraNode> {
  const [[row]] = await system.mysql.raw('SELECT @@port AS port');
  return [one, two, three].find(({ port }) => port === Number(row.port)) ?? one;
}
const hasMovedFrom = (node: GaleraNode) =>
  until('the process uses another node', async () => (await nodeInUse().catch(() => node)) !== node);

test('the first host of the list is used', async () => {
  assert.is(await nodeInUse(), one);
});

test('given a node that loses its majority in mid-sale, the projection goes on at another host', async () => {
  const sale = await startSale(system, 'isolated');
  await sleep(500);
  await one.isolate();
  await hasMovedFrom(one);
  await sleep(300);
  await mustHaveAll(system, 'isolated', await sale.end());
  await one.join();
});

test('a transaction at the node that the process leaves ends, although that node still answers', async () => {
  const { nodes, close: closeNodes } = openNodes(urlOf(three, two), { log: createLog('silent') });
  const { mysql, close: closeMysql } = connectMysql(nodes, 2);
  const trx = await mysql.transaction();
  await trx.raw('SELECT 1');
  await three.isolate();
  await until('the process uses another node', async () => (await nodes.choose()).place === 2);

  const outcome = await trx.raw('SELECT 1').then(
    () => 'answered',
    () => 'ended',
  );

  assert.is(outcome, 'ended');
  await trx.rollback().catch(() => {});
  await closeMysql();
  await closeNodes();
  await three.join();
});

test('given a node that is frozen in mid-sale, the projection goes on at another host', async () => {
  const frozen = await nodeInUse();
  const sale = await startSale(system, 'frozen');
  await sleep(500);
  await frozen.signal('SIGSTOP');
  await hasMovedFrom(frozen);
  await sleep(300);
  await mustHaveAll(system, 'frozen', await sale.end());
  await frozen.signal('SIGCONT');
  await frozen.join();
});

test('given a COMMIT that was carried out and whose answer is lost, the batch comes again and changes nothing', async () => {
  const sale = await startSale(system, 'lost answer');
  const lost = loseAnswersOfCommit(system, 3);
  await until('three answers are lost', () => lost() === 3);
  await mustHaveAll(system, 'lost answer', await sale.end());
});

test('given a node that is killed while it carries out a COMMIT, nothing is lost and nothing comes twice', async () => {
  const killed = await nodeInUse();
  const sale = await startSale(system, 'killed');
  await sleep(500);
  await new Promise<void>((resolve) => {
    const onQuery = ({ sql }: { sql: string }) => {
      if (sql !== 'COMMIT;') return;
      system.mysql.removeListener('query', onQuery);
      resolve(killed.signal('SIGKILL'));
    };
    system.mysql.on('query', onQuery);
  });
  await hasMovedFrom(killed);
  await sleep(300);
  await mustHaveAll(system, 'killed', await sale.end());
});

test('the commands find a host that is alive', async () => {
  const left = await nodeInUse();
  const dead = [one, two, three].filter((node) => node !== left);
  for (const file of ['migrate', 'replay', 'verify']) {
    const { status, stdout, stderr } = await startProgram(`src/tools/${file}.ts`, {
      REDIS_URL: config.redisUrl,
      MYSQL_URL: urlOf(...dead, left),
      JWT_SECRET: config.jwtSecret,
    }).ended;
    assert.is(status, 0, `${file}: ${stdout}${stderr}`);
  }
});

test('without a usable host, a command says why for each of them, without the password', async () => {
  const unknown = 'mysql://app:secret@no-such-host-1.invalid,no-such-host-2.invalid/seckill';
  const { status, stderr } = await startProgram('src/tools/verify.ts', {
    REDIS_URL: config.redisUrl,
    MYSQL_URL: unknown,
  }).ended;
  assert.is(status, 1);
  assert.match(stderr, /none of its 2 hosts can be used: host 1: \w+; host 2: \w+/);
  assert.not.match(stderr, /secret/);
});

/** The server carries out the next COMMITs, and the program gets a lost connection for each. Returns how many there were. */
function loseAnswersOfCommit({ mysql }: Pick<System, 'mysql'>, count: number): () => number {
  let lost = 0;
  interceptQueries(mysql, ({ sql, done, send, cut }) =>
    send((error, ...result) => {
      if (error || sql !== 'COMMIT;' || lost === count) return done(error, ...result);
      lost++;
      cut();
      done(Object.assign(new Error('Connection lost'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }));
    }),
  );
  return () => lost;
}

test.after(async () => {
  await endPrograms();
  await close();
});
test.run();
