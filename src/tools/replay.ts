import { createProgram, runProgram, stopSignal } from '../cli.ts';
import { openAll } from '../infra/closers.ts';
import { startProgress } from '../infra/progress.ts';
import { openMysql } from '../infra/stores/migrate.ts';
import { createDatabase } from '../infra/stores/mysql.ts';
import { OperatorError } from '../operatorError.ts';
import { runOn } from '../projections/log/readLog.ts';
import { LogFileError } from '../projections/logFile/format.ts';
import { importLog } from '../projections/logFile/importEvents.ts';
import { projections } from '../projections/registry.ts';
import type { Difference } from '../projections/replay/compareTables.ts';
import {
  openReplaySession,
  type Replay,
  replayAndCompare,
  replayAndSwap,
  replayUntil,
  type Until,
} from '../projections/replay/replayTables.ts';
import { openStores } from './toolStores.ts';
import { parseUntil } from './untilOption.ts';

const SHOWN_DIFFERENCES = 20;
const names = projections.map(({ name }) => name);

const program = createProgram(
  'npm run replay --',
  'Rebuilds the MySQL tables from the event log while the system sells, and swaps them in.',
)
  .option('--verify', 'compare the rebuilt tables with the live ones, swap nothing; exit 1 if they differ')
  .option('--until <time|position>', 'leave the tables as they were then in tables whose names end in _at')
  .option('--from <file>', 'fill an empty event log from an export first, then all tables from it')
  .option('--only <name>', `one projection alone: ${names.join(' or ')}`)
  .parse();
const options = program.opts<{ verify?: true; until?: string; only?: string; from?: string }>();

const { verify, until: untilText, from } = options;
if ([verify, untilText, from].filter((given) => given !== undefined).length > 1)
  program.error('--verify, --until and --from: one of the three');
if (from !== undefined && options.only !== undefined) program.error('--from fills every projection, --only one');
const until = options.until === undefined ? undefined : parseUntil(options.until);
if (options.until !== undefined && until === undefined)
  program.error(`--until: expected a position or a time like 2026-11-24T06:00:00Z, got "${options.until}"`);
const chosen = projections.filter(({ name }) => options.only === undefined || name === options.only);
if (chosen.length === 0) program.error(`--only: expected ${names.join(' or ')}, got "${options.only}"`);

await runProgram(async () => {
  // Asked for first: a Ctrl-C while things open waits until they can be closed again.
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort(new OperatorError('interrupted: the live tables are as they were')));
  const { session, close } = await openAll(async (remember) => {
    const stores = await openStores({ redis: false });
    remember(stores.close);
    // What keeps it from being made is said by the next line as well.
    if (from !== undefined) await createDatabase(stores.mysqlUrl).catch(() => {});
    const { close: closeMysql } = await openMysql(stores.mysqlUrl);
    await closeMysql();
    const { session, close } = await openReplaySession(stores.mysqlUrl);
    remember(close);
    return { session };
  });
  const progress = startProgress();
  const replay: Replay = {
    projections: chosen,
    signal: stop.signal,
    onProgress: ({ phase, position, of, events }) => progress.show({ label: phase, done: position, of, events }),
  };
  let good = true;
  try {
    if (from !== undefined) {
      const imported = await importLog({
        file: from,
        writer: runOn(session.writer),
        holder: runOn(session.holder),
        signal: stop.signal,
        onProgress: (label, done, of, events) => progress.show({ label, done, of, events }),
      });
      progress.print(`${imported} events imported from ${from}`);
    }
    const started = performance.now();
    const { events, report } = await run(session, replay, progress.stop);
    const seconds = (performance.now() - started) / 1_000;
    console.log(`${events} events in ${seconds.toFixed(1)} s, ${Math.round(events / seconds)}/s`);
    good = report();
  } catch (error) {
    // A statement that a stop has ended fails in its own words.
    stop.signal.throwIfAborted();
    if (error instanceof LogFileError) throw new OperatorError(`${from}: ${error.message}; nothing was imported`);
    throw error;
  } finally {
    progress.stop();
    await close();
  }
  process.exit(good ? 0 : 1);
});

type Session = Parameters<typeof replayAndSwap>[0];

/** Resolves to what there is to say at the end, which says also whether all is well. */
async function run(session: Session, replay: Replay, stopProgress: () => void) {
  const tables = chosen.flatMap((projection) => projection.tables);
  const say = (line: string) => () => {
    console.log(line);
    return true;
  };
  try {
    if (options.verify) {
      const found = countDifferences();
      const { events } = await replayAndCompare(session, replay, found.add);
      return { events, report: found.report };
    }
    if (until !== undefined) {
      const { events } = await replayUntil(session, replay, until as Until);
      return { events, report: say(`as they were then: ${tables.map((table) => `${table}_at`).join(', ')}`) };
    }
    const { events, pausedMs } = await replayAndSwap(session, replay);
    return {
      events,
      report: say(`rebuilt and swapped in: ${tables.join(', ')}; the projection paused for ${Math.round(pausedMs)} ms`),
    };
  } finally {
    stopProgress();
  }
}

function countDifferences() {
  const counts = new Map<string, number>();
  const first: Difference[] = [];
  return {
    add(difference: Difference) {
      const kind = `${difference.table}: ${difference.kind}`;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (first.length < SHOWN_DIFFERENCES) first.push(difference);
    },
    report() {
      for (const { table, kind, text } of first) console.log(`${kind} in ${table}: ${text}`);
      for (const [kind, count] of counts) console.log(`${kind}: ${count}`);
      if (counts.size === 0) console.log('the live tables are as the log says');
      return counts.size === 0;
    },
  };
}
