import { createProgram } from '../cli.ts';
import { openAll } from '../infra/closers.ts';
import { nodesOf } from '../infra/failover/nodes.ts';
import type { Progress } from '../infra/progress.ts';
import { connectOnce } from '../infra/stores/mysql.ts';
import { withPauseOnAllNodes } from '../projections/log/pause.ts';
import { lastPosition, runOn } from '../projections/log/readLog.ts';
import type { RunSql } from '../projections/log/sql.ts';
import { exportLog } from '../projections/logFile/exportEvents.ts';
import { kindOfFile } from '../projections/logFile/fileArgument.ts';
import { runTool, untilStopped } from './runTool.ts';

const program = createProgram(
  'npm run log:export --',
  'Writes the event log to a file, one event a line, while the system sells. Run again, it resumes an interrupted export.',
)
  .argument('<file>', 'a file, compressed if its name ends in .gz; or a FIFO')
  .parse();
const [file = ''] = program.args;

await runTool({
  needs: { redis: false, tables: 'present' },
  checkFiles: () => kindOfFile(file),
  open: ({ mysqlUrl }) =>
    openAll(async (remember) => {
      const { nodes, close: closeNodes } = nodesOf(mysqlUrl);
      remember(closeNodes);
      const open = async () => {
        const { connection, close } = await connectOnce(nodes);
        remember(close);
        // A connection that is lost while it is idle fails at its next statement.
        connection.on('error', () => {});
        return runOn(connection);
      };
      return { nodes, log: await open(), holder: await open() };
    }),
  interrupted: 'interrupted: run the command again to resume the export',
  work: ({ nodes, log, holder }, { signal, progress }) => {
    const lastComplete = () => withPauseOnAllNodes(nodes, holder, () => lastPosition(log));
    return untilStopped(signal, run(log, lastComplete, signal, progress));
  },
});

async function run(
  log: RunSql,
  lastComplete: () => Promise<number>,
  signal: AbortSignal,
  progress: Progress,
): Promise<0> {
  // Events that are committed after this are left to the next export. No event up to here can still appear.
  const to = await lastComplete();
  const { events, resumedAt, isFifo } = await exportLog({
    file,
    log,
    to,
    signal,
    onProgress: (done, events) => progress.show({ label: 'exporting', done, of: to, events }),
  });
  progress.stop();
  const resumed = resumedAt > 0 ? `, ${resumedAt} of them by an earlier run` : '';
  const [archived] = await log('SELECT COUNT(*) AS coupons FROM archived_coupons');
  if (Number(archived?.coupons) > 0)
    console.error(
      `not in it: the events of ${archived?.coupons} archived coupons; keep the files of log:archive beside it`,
    );
  // Standard output may be the FIFO.
  (isFifo ? console.error : console.log)(`${events} events in ${file}${resumed}`);
  return 0;
}
