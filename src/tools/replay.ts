import { createProgram } from '../cli.ts';
import { openRedis } from '../infra/stores/redis.ts';
import { readRedisTime } from '../infra/stores/redisClock.ts';
import { createLog } from '../infra/telemetry/log.ts';
import { runOn } from '../projections/log/readLog.ts';
import { mustBeReadable } from '../projections/logFile/fileArgument.ts';
import { importLog } from '../projections/logFile/importEvents.ts';
import { projections } from '../projections/registry.ts';
import type { Difference } from '../projections/replay/compareTables.ts';
import { type Replay, tablesOf } from '../projections/replay/rebuildShadows.ts';
import { openReplaySession, type ReplaySession } from '../projections/replay/replaySession.ts';
import { findBeyondLog, replayAndCompare, replayAndSwap, replayUntil } from '../projections/replay/replayTables.ts';
import { asOfName, dropAsOf, readableName } from '../projections/replay/shadows.ts';
import { runTool, untilStopped } from './runTool.ts';
import { parseUntil } from './untilOption.ts';

const SHOWN_DIFFERENCES = 20;
const names = projections.map(({ name }) => name);

const program = createProgram(
  'npm run replay --',
  'Rebuilds the MySQL tables from the event log while the system sells, and swaps them in.',
)
  .option('--verify', 'compare the rebuilt tables with the live ones and swap nothing; exit status 1 if they differ')
  .option(
    '--until <time|position>',
    'rebuild the tables as they were then, beside the live ones, under names that end in _at',
  )
  .option('--drop-until', 'drop the tables and views that --until left')
  .option('--from <file>', 'import an export, a file or a FIFO, into an empty event log first, then rebuild all tables')
  .option('--only <name>', `rebuild only this projection: ${names.join(' or ')}`)
  .parse();
const {
  verify,
  until: untilText,
  dropUntil,
  from,
  only,
} = program.opts<{
  verify?: true;
  until?: string;
  dropUntil?: true;
  from?: string;
  only?: string;
}>();

if ([verify, untilText, dropUntil, from].filter((given) => given !== undefined).length > 1)
  program.error('--verify, --until, --drop-until and --from exclude each other');
if (from !== undefined && only !== undefined)
  program.error('--from rebuilds every projection and cannot be combined with --only');
const until = untilText === undefined ? undefined : parseUntil(untilText);
if (untilText !== undefined && until === undefined)
  program.error(`--until: expected a position or a time like 2026-11-24T06:00:00Z, got "${untilText}"`);
const chosen = projections.filter(({ name }) => only === undefined || name === only);
if (chosen.length === 0) program.error(`--only: expected ${names.join(' or ')}, got "${only}"`);

await runTool({
  needs: { redis: false, tables: from === undefined ? 'present' : 'import' },
  checkFiles: async () => from !== undefined && (await mustBeReadable(from)),
  async open({ mysqlUrl, redisUrl }) {
    const opened = await openReplaySession(mysqlUrl);
    return { ...opened, redisUrl };
  },
  interrupted: 'interrupted: the live tables are unchanged',
  async work({ session, redisUrl }, { signal, progress }) {
    if (dropUntil) {
      await dropAsOf(
        runOn(session.writer),
        projections.flatMap(({ tables }) => tables),
      );
      console.log('the tables and views of --until are dropped');
      return 0;
    }
    const beyond = until && (await findBeyondLog(session, until, await readTimeOf(redisUrl), signal));
    if (beyond !== undefined) {
      progress.stop();
      console.error(`--until: ${beyond}`);
      return 2;
    }
    if (from !== undefined) {
      const importing = importLog({
        file: from,
        writer: runOn(session.writer),
        nodes: session.nodes,
        holder: runOn(session.holder),
        signal,
        onProgress: (label, done, of, events) => progress.show({ label, done, of, events }),
      });
      const imported = await untilStopped(signal, importing);
      progress.print(`${imported} events imported from ${from}`);
    }
    const started = performance.now();
    const { events, report } = await run(session, {
      projections: chosen,
      signal,
      onProgress: ({ phase, position, of, events }) => progress.show({ label: phase, done: position, of, events }),
    });
    const seconds = (performance.now() - started) / 1_000;
    progress.stop();
    console.log(`${events} events in ${seconds.toFixed(1)} s, ${Math.round(events / seconds)}/s`);
    return report();
  },
});

/** The time of Redis, whose clock dates the events; undefined when no Redis is known or reached. */
async function readTimeOf(redisUrl: string | undefined): Promise<number | undefined> {
  if (redisUrl === undefined) return undefined;
  try {
    const { redis, close } = await openRedis(redisUrl, createLog('silent'));
    return await readRedisTime(redis).finally(close);
  } catch {
    return undefined;
  }
}

interface Outcome {
  events: number;
  /** Prints the result. Returns the exit status. */
  report: () => 0 | 1;
}

async function run(session: ReplaySession, replay: Replay): Promise<Outcome> {
  const tables = tablesOf(replay);
  const printLine = (line: string) => () => {
    console.log(line);
    return 0 as const;
  };
  if (verify) {
    const differences = countDifferences();
    const { events } = await replayAndCompare(session, replay, differences.add);
    return { events, report: differences.report };
  }
  if (until !== undefined) {
    const { events } = await replayUntil(session, replay, until);
    const names = tables.map(asOfName);
    const lines = [
      `rebuilt beside the live tables: ${names.join(', ')}`,
      `to read: ${names.map(readableName).join(', ')}`,
    ];
    return { events, report: printLine(lines.join('\n')) };
  }
  const { events, pausedMs } = await replayAndSwap(session, replay);
  const paused = `the MySQL projection was paused for ${Math.round(pausedMs)} ms`;
  return { events, report: printLine(`rebuilt and swapped in: ${tables.join(', ')}; ${paused}`) };
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
    report(): 0 | 1 {
      for (const { table, kind, text } of first) console.log(`${kind} in ${table}: ${text}`);
      for (const [kind, count] of counts) console.log(`${kind}: ${count}`);
      if (counts.size === 0) console.log('the live tables match the log');
      return counts.size === 0 ? 0 : 1;
    },
  };
}
