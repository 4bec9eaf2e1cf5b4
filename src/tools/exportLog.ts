import { createProgram, runProgram, stopSignal } from '../cli.ts';
import { openAll } from '../infra/closers.ts';
import { startProgress } from '../infra/progress.ts';
import { openMysql } from '../infra/stores/migrate.ts';
import { connectOnce } from '../infra/stores/mysql.ts';
import { OperatorError } from '../operatorError.ts';
import { withPause } from '../projections/log/pause.ts';
import { lastPosition, runOn } from '../projections/log/readLog.ts';
import { exportLog } from '../projections/logFile/exportEvents.ts';
import { LogFileError } from '../projections/logFile/format.ts';
import { openStores } from './toolStores.ts';

const program = createProgram(
  'npm run log:export --',
  'Writes the event log into a file, one event a line, while the system sells. An export that was cut off goes on.',
)
  .argument('<file>', 'zipped if its name ends in .gz')
  .parse();
const [file = ''] = program.args;

await runProgram(async () => {
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort(new OperatorError('interrupted: run it again and it goes on from here')));
  const { log, holder, close } = await openAll(async (remember) => {
    const stores = await openStores({ redis: false });
    remember(stores.close);
    const { close: closeMysql } = await openMysql(stores.mysqlUrl);
    await closeMysql();
    const [reader, holder] = [await connectOnce(stores.mysqlUrl), await connectOnce(stores.mysqlUrl)];
    remember(reader.close);
    remember(holder.close);
    return { log: runOn(reader.connection), holder: runOn(holder.connection) };
  });
  const progress = startProgress();
  try {
    // What is committed while this runs is for the next export; up to here nothing is still on its way.
    const to = await withPause(holder, () => lastPosition(log));
    const { events, resumedAt } = await exportLog({
      file,
      log,
      to,
      signal: stop.signal,
      onProgress: (done, events) => progress.show({ label: 'exporting', done, of: to, events }),
    });
    progress.stop();
    const resumed = resumedAt > 0 ? `, ${resumedAt} of them by an earlier run` : '';
    console.log(`${events} events in ${file}${resumed}`);
  } catch (error) {
    if (error instanceof LogFileError) throw new OperatorError(error.message);
    throw error;
  } finally {
    progress.stop();
    await close();
  }
  process.exit(0);
});
