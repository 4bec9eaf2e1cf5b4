import Table from 'cli-table3';
import { createProgram } from '../cli.ts';
import { openAll } from '../infra/closers.ts';
import { type MysqlNodes, nodesOf } from '../infra/failover/nodes.ts';
import { connectOnce } from '../infra/stores/mysql.ts';
import { OperatorError } from '../operatorError.ts';
import { runOn } from '../projections/log/readLog.ts';
import type { RunSql } from '../projections/log/sql.ts';
import {
  listSubscriptions,
  retryNow,
  rewindTo,
  type SubscriptionState,
  skipNext,
} from '../subscribers/changeCheckpoint.ts';
import { runTool, untilStopped } from './runTool.ts';
import { parseUntil } from './untilOption.ts';

const MAX_REASON_CHARS = 400;

type Work = (run: RunSql, nodes: MysqlNodes) => Promise<0 | 1>;
let work: Work | undefined;
const program = createProgram('npm run subscribers --', 'Shows and mends the subscriptions that get the events.');

program
  .command('list')
  .description('show every subscription: its checkpoint, its lag, and its last failure')
  .option('--json', 'print JSON')
  .action(({ json }: { json?: true }) => {
    work = async (run) => {
      const states = await listSubscriptions(run);
      if (json) console.log(JSON.stringify(states, null, 2));
      else print(states);
      return 0;
    };
  });
program
  .command('lag <name>')
  .description('print the number of positions that the subscription has still to deliver')
  .option('--max <number>', 'exit status 1 when the lag is higher')
  .option('--json', 'print JSON')
  .action((name: string, { max, json }: { max?: string; json?: true }, command) => {
    if (max !== undefined && !/^\d{1,15}$/.test(max)) command.error(`--max: expected a whole number, got "${max}"`);
    work = async (run) => {
      const { lag } = mustExist(
        (await listSubscriptions(run)).find((one) => one.name === name),
        name,
      );
      console.log(json ? JSON.stringify({ name, lag }) : String(lag));
      return max !== undefined && lag > Number(max) ? 1 : 0;
    };
  });
program
  .command('retry <name>')
  .description('make the next attempt at once, and begin the pauses between attempts anew')
  .option('--json', 'print JSON')
  .action((name: string, { json }: { json?: true }) => {
    work = async (run) => {
      if (!(await retryNow(run, name))) mustExist(undefined, name);
      console.log(json ? JSON.stringify({ name, retried: true }) : `${name}: the next attempt is made at once`);
      return 0;
    };
  });
program
  .command('skip <name>')
  .description('leave out the first event that is not delivered')
  .requiredOption('--reason <text>', 'why; it is kept in the table subscription_changes')
  .option('--json', 'print JSON')
  .action((name: string, { reason, json }: { reason: string; json?: true }, command) => {
    mustBeReason(reason, command);
    work = async (run, nodes) => {
      mustExist(
        (await listSubscriptions(run)).find((one) => one.name === name),
        name,
      );
      const skipped = await skipNext({ run, nodes }, name, reason);
      if (skipped === undefined) throw new OperatorError(`${name} has delivered every event; there is none to skip`);
      console.log(json ? JSON.stringify({ name, skipped }) : `${name}: skipped ${skipped.type} ${skipped.id}`);
      return 0;
    };
  });
program
  .command('rewind <name>')
  .description('deliver the events since a time again, with the same ids')
  .requiredOption('--to <time>', 'a time like 2026-11-24T06:00:00Z')
  .option('--reason <text>', 'why; it is kept in the table subscription_changes', 'none given')
  .option('--json', 'print JSON')
  .action((name: string, { to, reason, json }: { to: string; reason: string; json?: true }, command) => {
    mustBeReason(reason, command);
    const time = parseUntil(to);
    if (time === undefined || !('occurredAt' in time))
      return command.error(`--to: expected a time like 2026-11-24T06:00:00Z, got "${to}"`);
    work = async (run) => {
      mustExist(
        (await listSubscriptions(run)).find((one) => one.name === name),
        name,
      );
      const moved = await rewindTo(run, name, time.occurredAt, reason);
      if (moved === undefined) throw new OperatorError(`${name} has delivered no event since ${to}`);
      console.log(json ? JSON.stringify({ name, ...moved }) : `${name}: rewound from ${moved.from} to ${moved.to}`);
      return 0;
    };
  });
program.parse();

const chosen = work;
if (chosen === undefined) program.error('name a command: list, lag, retry, skip or rewind');
else
  await runTool({
    needs: { redis: false, tables: 'present' },
    open: ({ mysqlUrl }) =>
      openAll(async (remember) => {
        const { nodes, close: closeNodes } = nodesOf(mysqlUrl);
        remember(closeNodes);
        const { connection, close } = await connectOnce(nodes);
        remember(close);
        return { run: runOn(connection), nodes };
      }),
    interrupted: 'interrupted',
    work: ({ run, nodes }, { signal }) => untilStopped(signal, chosen(run, nodes)),
  });

function mustExist<T>(found: T | undefined, name: string): T {
  if (found === undefined) throw new OperatorError(`there is no subscription "${name}"`);
  return found;
}

function mustBeReason(reason: string, command: { error(message: string): never }): void {
  if (reason.trim() === '' || reason.length > MAX_REASON_CHARS)
    command.error(`--reason: expected 1 to ${MAX_REASON_CHARS} characters`);
}

function print(states: readonly SubscriptionState[]): void {
  if (states.length === 0) {
    console.log('there are no subscriptions');
    return;
  }
  const table = new Table({
    head: ['subscription', 'checkpoint', 'lag', 'failures', 'next event'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'left'],
  });
  for (const { name, position, lag, failures, nextEvent } of states)
    table.push([name, position, lag, failures, nextEvent === null ? '' : `${nextEvent.type} ${nextEvent.id}`]);
  console.log(table.toString());
  for (const { name, error } of states) if (error !== null) console.log(`${name}: ${error}`);
}
