import Table from 'cli-table3';
import { createProgram, runProgram, stopSignal } from '../cli.ts';
import { openAll } from '../infra/closers.ts';
import { startProgress } from '../infra/progress.ts';
import { openMysql } from '../infra/stores/migrate.ts';
import { connectOnce } from '../infra/stores/mysql.ts';
import { openRedis } from '../infra/stores/redis.ts';
import { createLog } from '../infra/telemetry/log.ts';
import { OperatorError } from '../operatorError.ts';
import type { Report, Totals } from '../projections/verify/verifyReport.ts';
import { verifyAll, verifyOne } from '../projections/verify/verifyStores.ts';
import { openStores } from './toolStores.ts';

const program = createProgram(
  'npm run verify --',
  'Proves that Redis, MySQL and the event log agree, while the system sells.',
)
  .option('--coupon <seller/name>', 'one coupon alone')
  .option('--json', 'the report for machines')
  .parse();
const { coupon, json } = program.opts<{ coupon?: string; json?: true }>();
if (coupon !== undefined && !/^[^/]+\/[^/]+$/.test(coupon))
  program.error(`--coupon: expected seller/name, got "${coupon}"`);

await runProgram(async () => {
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort(new OperatorError('interrupted')));
  const { redis, connection, close } = await openAll(async (remember) => {
    const stores = await openStores({ redis: true });
    remember(stores.close);
    const { close: closeMysql } = await openMysql(stores.mysqlUrl);
    await closeMysql();
    const { connection, close: closeConnection } = await connectOnce(stores.mysqlUrl);
    remember(closeConnection);
    const { redis, close: closeRedis } = await openRedis(stores.redisUrl, createLog('error'));
    remember(closeRedis);
    return { redis, connection };
  });
  const progress = startProgress();
  let good = false;
  try {
    const onProgress = (done: number, of: number, events: number) =>
      progress.show({ label: 'verifying', done, of, events });
    const verify = { redis, connection, signal: stop.signal, onProgress };
    const report = coupon === undefined ? await verifyAll(verify) : await verifyOne(verify, coupon);
    progress.stop();
    if (report === undefined) throw new OperatorError(`--coupon: neither MySQL nor Redis knows ${coupon}`);
    good = report.wrong === 0;
    if (json) console.log(JSON.stringify({ agree: good, ...report }, null, 2));
    else print(report);
  } finally {
    progress.stop();
    await close();
  }
  process.exit(good ? 0 : 1);
});

function print(report: Report): void {
  const { log, mysql, redis, onTheirWay, gaps, sales, views, deadLetters, wrong, mismatches } = report;
  const table = new Table({
    head: ['', 'log', 'MySQL', 'Redis'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right'],
  });
  const row = (what: string, key: keyof Totals) => [what, log[key], mysql[key], redis[key]];
  table.push(
    row('coupons', 'coupons'),
    row('pieces', 'pieces'),
    row('left', 'left'),
    row('holders', 'holders'),
    ['events', log.events, '', redis.events],
    ['on their way (outbox)', '', '', onTheirWay],
    ['versions missing', gaps, '', ''],
    ['counted in sales_per_minute', '', sales, ''],
    ...(coupon === undefined
      ? [
          ['entries in lists', '', '', views],
          ['dead letters', '', '', deadLetters],
        ]
      : []),
  );
  console.log(table.toString());
  for (const mismatch of mismatches) console.log(`WRONG: ${mismatch}`);
  if (wrong > mismatches.length) console.log(`and ${wrong - mismatches.length} more`);
  console.log(wrong === 0 ? 'all agree' : `${wrong} things do not agree`);
}
