import { createProgram } from '../cli.ts';
import type { Progress } from '../infra/progress.ts';
import { mustBeArchiveFile } from '../projections/archive/archiveFile.ts';
import { archiveLog } from '../projections/archive/archiveLog.ts';
import { restoreArchive } from '../projections/archive/restoreArchive.ts';
import { runOn } from '../projections/log/readLog.ts';
import { openReplaySession, type ReplaySession } from '../projections/replay/replaySession.ts';
import { runTool, untilStopped } from './runTool.ts';
import { parseUntil } from './untilOption.ts';

const program = createProgram(
  'npm run log:archive --',
  'Moves the events of coupons that are over from event_log into files and packed rows, while the system sells.',
)
  .option('--before <time>', 'archive closed coupons without an event since this time, like 2026-11-24T06:00:00Z')
  .option('--out <folder>', 'the folder of the files, one for each coupon', 'archive')
  .option('--restore <file...>', 'put the events of these files back into event_log')
  .parse();
const { before, out, restore } = program.opts<{ before?: string; out: string; restore?: string[] }>();
if ((before === undefined) === (restore === undefined)) program.error('--before or --restore: one of the two');
const time = before === undefined ? undefined : parseUntil(before);
if (before !== undefined && (time === undefined || !('occurredAt' in time)))
  program.error(`--before: expected a time like 2026-11-24T06:00:00Z, got "${before}"`);

await runTool({
  needs: { redis: false, tables: 'present' },
  checkFiles: () => Promise.all((restore ?? []).map(mustBeArchiveFile)),
  open: ({ mysqlUrl }) => openReplaySession(mysqlUrl),
  interrupted: 'interrupted: run the command again to continue',
  work: ({ session }, { signal, progress }) =>
    untilStopped(
      signal,
      restore === undefined ? archive(session, signal, progress) : putBack(session, restore, signal, progress),
    ),
});

async function archive(session: ReplaySession, signal: AbortSignal, progress: Progress): Promise<0 | 1> {
  const at = time !== undefined && 'occurredAt' in time ? time.occurredAt : 0;
  const deps = {
    reader: session.reader,
    writer: runOn(session.writer),
    folder: out,
    onStep: () => signal.throwIfAborted(),
  };
  const { coupons, events, completed, blocked } = await archiveLog(deps, at, (done, of) =>
    progress.show({ label: 'archiving', done, of, events: done }),
  );
  progress.stop();
  if (completed > 0) console.log(`${completed} coupons of an interrupted run were completed`);
  console.log(`${coupons} coupons with ${events} events archived in ${out}`);
  if (blocked.coupons === 0) return 0;
  for (const { name, position } of blocked.by) console.error(`subscription ${name} has delivered up to ${position}`);
  console.error(`${blocked.coupons} coupons are not archived, since a subscription has not delivered their events yet`);
  return 1;
}

async function putBack(session: ReplaySession, files: readonly string[], signal: AbortSignal, progress: Progress) {
  let events = 0;
  for (const [place, file] of files.entries()) {
    events += await restoreArchive(runOn(session.writer), file, () => signal.throwIfAborted());
    progress.show({ label: 'restoring', done: place + 1, of: files.length, events });
  }
  progress.stop();
  console.log(`${events} events restored into event_log`);
  return 0 as const;
}
