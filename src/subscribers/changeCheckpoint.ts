import { eventId } from '../events.ts';
import type { MysqlNodes } from '../infra/failover/nodes.ts';
import { OperatorError } from '../operatorError.ts';
import { bytesToId } from '../projections/log/eventRows.ts';
import { withPauseOnAllNodes } from '../projections/log/pause.ts';
import { lastPosition } from '../projections/log/readLog.ts';
import type { RunSql } from '../projections/log/sql.ts';
import { hex } from '../projections/log/sql.ts';

/** A list looks this far behind a checkpoint for the next event of one seller, as far as a page of the feed. */
const NEAR = 20_000;

// What an operator sees and changes of the subscriptions. `run` is one connection, on which nothing else runs.

export interface SubscriptionState {
  name: string;
  position: number;
  /** Positions between the checkpoint and the end of the log. */
  lag: number;
  failures: number;
  error: string | null;
  /** The first event that is not delivered; null when there is none, or none of the webhook's seller is near the checkpoint. */
  nextEvent: { position: number; id: string; type: string; coupon: string } | null;
}

/** All subscriptions in the order of their names. */
export const listSubscriptions = (run: RunSql): Promise<SubscriptionState[]> => statesOf(run, 'ORDER BY name');

/** The subscriptions that an operator looks for first: those that fail, then those that are the furthest behind. There may be thousands. */
export const listFailingFirst = (run: RunSql, limit: number): Promise<SubscriptionState[]> =>
  statesOf(run, `ORDER BY failures > 0 DESC, position, name LIMIT ${limit}`);

/** `lag`: of the subscription that is the furthest behind. */
export async function countSubscriptions(run: RunSql): Promise<{ total: number; failing: number; lag: number }> {
  const end = await lastPosition(run);
  const [row] = await run(
    `SELECT COUNT(*) AS total, COALESCE(SUM(failures > 0), 0) AS failing, COALESCE(MIN(position), ${end}) AS position
     FROM subscriptions`,
  );
  return { total: Number(row?.total), failing: Number(row?.failing), lag: Math.max(0, end - Number(row?.position)) };
}

export const hasSubscription = async (run: RunSql, name: string): Promise<boolean> =>
  (await positionOf(run, name)) !== undefined;

async function statesOf(run: RunSql, order: string): Promise<SubscriptionState[]> {
  const end = await lastPosition(run);
  const rows = await run(`SELECT name, position, failures, error FROM subscriptions ${order}`);
  const states: SubscriptionState[] = [];
  for (const row of rows) {
    const position = Number(row.position);
    states.push({
      name: String(row.name),
      position,
      lag: Math.max(0, end - position),
      failures: Number(row.failures),
      error: row.error === null ? null : String(row.error),
      nextEvent: await nextEventOf(run, String(row.name), position),
    });
  }
  return states;
}

/** The next attempt is made at once. False: there is no such subscription. */
export async function retryNow(run: RunSql, name: string): Promise<boolean> {
  if ((await positionOf(run, name)) === undefined) return false;
  await run(`UPDATE subscriptions SET failures = 0 WHERE name = ${hex(name)}`);
  return true;
}

/**
 * Leaves out the first event that is not delivered, and notes the reason. During a pause, since the first event that can be seen need
 * not be the first: one before it may not be committed yet. `expected`: the id of the event that the operator wants to leave out; another
 * one is not skipped. Resolves to the event; undefined when there is none.
 */
export async function skipNext(
  { run, nodes }: { run: RunSql; nodes: MysqlNodes },
  name: string,
  reason: string,
  expected?: string,
) {
  const seller = await sellerOf(run, name);
  const known = await positionOf(run, name);
  // The log is complete up to here, so the search for the event of one seller, which may be long, needs no pause.
  const complete = await withPauseOnAllNodes(nodes, run, () => lastPosition(run));
  const found = known === undefined ? null : await eventBetween(run, known, complete, seller);
  return withPauseOnAllNodes(nodes, run, async () => {
    const from = await positionOf(run, name, 'FOR UPDATE');
    if (from === undefined) return undefined;
    const isUnmoved = from === known;
    const event =
      isUnmoved && found !== null
        ? found
        : await eventBetween(run, isUnmoved ? Math.max(from, complete) : from, await lastPosition(run), seller);
    if (event === null || (expected ?? event.id) !== event.id) return undefined;
    await move(run, { name, action: 'skip', from, to: event.position, reason: `${event.id}: ${reason}` });
    return event;
  });
}

/** Moves the checkpoint before the first event of this time or later. Never forwards, which would leave out events. */
export async function rewindTo(run: RunSql, name: string, occurredAt: number, reason: string) {
  const [row] = await run(`SELECT MIN(position) AS position FROM event_log WHERE occurred_at >= ${occurredAt}`);
  const from = await positionOf(run, name);
  if (from === undefined || row?.position == null || Number(row.position) > from) return undefined;
  const to = Number(row.position) - 1;
  const [archived] = await run(`SELECT COUNT(*) AS coupons FROM archived_coupons WHERE last_position > ${to}`);
  if (Number(archived?.coupons) > 0)
    throw new OperatorError(
      `events of ${archived?.coupons} coupons since then are archived: put them back with npm run log:archive -- --restore`,
    );
  await run('START TRANSACTION');
  await move(run, { name, action: 'rewind', from, to, reason });
  await run('COMMIT');
  return { from, to };
}

interface Move {
  name: string;
  action: 'skip' | 'rewind';
  from: number;
  to: number;
  reason: string;
}

async function move(run: RunSql, { name, action, from, to, reason }: Move): Promise<void> {
  await run(`UPDATE subscriptions SET position = ${to}, failures = 0, error = NULL WHERE name = ${hex(name)}`);
  await run(
    `INSERT INTO subscription_changes (name, action, from_position, to_position, reason)
     VALUES (${hex(name)}, '${action}', ${from}, ${to}, CONVERT(${hex(reason)} USING utf8mb4))`,
  );
}

async function positionOf(run: RunSql, name: string, lock: '' | 'FOR UPDATE' = ''): Promise<number | undefined> {
  const [row] = await run(`SELECT position FROM subscriptions WHERE name = ${hex(name)} ${lock}`);
  return row === undefined ? undefined : Number(row.position);
}

/** The seller whose events alone a subscription gets: that of a webhook (`webhook:ID`), unless it is the operator's. */
async function sellerOf(run: RunSql, name: string): Promise<Buffer | undefined> {
  const [, id] = /^webhook:(.+)$/.exec(name) ?? [];
  if (id === undefined) return undefined;
  const [row] = await run(`SELECT owner FROM webhooks WHERE id = ${hex(id)}`);
  return (row?.owner as Buffer | null | undefined) ?? undefined;
}

async function nextEventOf(run: RunSql, name: string, position: number): Promise<SubscriptionState['nextEvent']> {
  const seller = await sellerOf(run, name);
  // Without an event of this seller the whole rest of the log would be read, for each of many subscriptions.
  return eventBetween(run, position, seller === undefined ? Number.MAX_SAFE_INTEGER : position + NEAR, seller);
}

/** The first event of all sellers or of one that is after the one position and not after the other. */
async function eventBetween(
  run: RunSql,
  after: number,
  to: number,
  seller: Buffer | undefined,
): Promise<SubscriptionState['nextEvent']> {
  const [row] = await run(
    `SELECT position, coupon_id, version, type, seller, name FROM event_log FORCE INDEX (PRIMARY)
     WHERE position > ${after} AND position <= ${to}${seller === undefined ? '' : ` AND seller = ${hex(seller)}`}
     ORDER BY position LIMIT 1`,
  );
  if (row === undefined) return null;
  return {
    position: Number(row.position),
    id: eventId(bytesToId(row.coupon_id as Buffer), Number(row.version)),
    type: String(row.type),
    coupon: `${row.seller}/${row.name}`,
  };
}
