import Table from 'cli-table3';
import { createProgram } from '../cli.ts';
import { openAll } from '../infra/closers.ts';
import { connectOnce } from '../infra/stores/mysql.ts';
import { openRedis } from '../infra/stores/redis.ts';
import { createLog } from '../infra/telemetry/log.ts';
import { OperatorError } from '../operatorError.ts';
import { type ArchiveReport, verifyArchive } from '../projections/archive/verifyArchive.ts';
import { runOn } from '../projections/log/readLog.ts';
import { addMismatch, type Report, type Totals } from '../projections/verify/verifyReport.ts';
import { verifyAll, verifyOne } from '../projections/verify/verifyStores.ts';
import { runTool, untilStopped } from './runTool.ts';

const program = createProgram(
  'npm run verify --',
  'Proves that Redis, MySQL and the event log agree, while the system sells.',
)
  .option('--coupon <seller/name>', 'verify only this coupon; the last slash ends the seller')
  .option('--archive <folder>', 'compare the files of npm run log:archive as well')
  .option('--json', 'print the report as JSON')
  .parse();
const { coupon, archive, json } = program.opts<{ coupon?: string; archive?: string; json?: true }>();
if (coupon !== undefined && archive !== undefined) program.error('--coupon and --archive exclude each other');
if (coupon !== undefined && !/^.+\/[^/]+$/s.test(coupon))
  program.error(`--coupon: expected seller/name, got "${coupon}"`);

await runTool({
  needs: { redis: true, tables: 'present' },
  open: ({ mysqlUrl, redisUrl = '' }) =>
    openAll(async (remember) => {
      const { connection, close: closeConnection } = await connectOnce(mysqlUrl);
      remember(closeConnection);
      const opened = await openRedis(redisUrl, createLog('error'));
      remember(opened.close);
      const { redis } = opened;
      const masters = opened.masters.all().map((master) => master.redis);
      // A query that streams its rows reports a lost connection here and not to its caller.
      const lost = new Promise<never>((_, reject) => connection.once('error', reject));
      lost.catch(() => {});
      return { redis, masters, connection, lost };
    }),
  interrupted: 'interrupted',
  async work(stores, { signal, progress }) {
    const onProgress = (done: number, of: number, events: number) =>
      progress.show({ label: 'verifying', done, of, events });
    const verifying = coupon === undefined ? verifyAll({ ...stores, signal, onProgress }) : verifyOne(stores, coupon);
    const report = await untilStopped(signal, Promise.race([verifying, stores.lost]));
    const archived =
      archive === undefined || report === undefined
        ? undefined
        : await untilStopped(signal, verifyArchive(runOn(stores.connection), archive, signal));
    progress.stop();
    if (report === undefined) throw new OperatorError(`--coupon: neither MySQL nor Redis has ${coupon}`);
    for (const mismatch of archived?.mismatches ?? []) addMismatch(report, mismatch);
    const agree = report.wrong === 0;
    if (json) console.log(JSON.stringify({ agree, ...report, archived }, null, 2));
    else print(report, archived);
    return agree ? 0 : 1;
  },
});

function print(report: Report, archived: ArchiveReport | undefined): void {
  const { log, mysql, redis, onTheirWay, gaps, sales, views, deadLetters, wrong, mismatches } = report;
  const table = new Table({
    head: ['', 'log', 'MySQL', 'Redis'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right'],
  });
  const row = (key: keyof Totals) => [key, log[key], mysql[key], redis[key]];
  table.push(
    row('coupons'),
    row('pieces'),
    row('left'),
    row('held'),
    row('released'),
    row('redeemed'),
    ['events', log.events, '', redis.events],
    ['in the outbox, not in the log yet', '', '', onTheirWay],
    ['missing versions', gaps, '', ''],
    ['counted in sales_per_minute', '', sales, ''],
    ...(coupon === undefined
      ? [
          ['entries in views', '', '', views],
          ['dead letters', '', '', deadLetters],
        ]
      : []),
    ...(archived === undefined ? [] : [['archived events, with their files', archived.events, '', '']]),
  );
  console.log(table.toString());
  for (const mismatch of mismatches) console.log(`WRONG: ${mismatch}`);
  if (wrong > mismatches.length) console.log(`and ${wrong - mismatches.length} more`);
  console.log(wrong === 0 ? 'all agree' : `${wrong} mismatches`);
}
