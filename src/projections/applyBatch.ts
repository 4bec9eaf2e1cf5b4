import { grabOf } from '../coupon/pieces.ts';
import { type CouponEvent, eventId } from '../events.ts';
import { allEvents, type Delivery } from '../infra/outbox.ts';
import type { Mysql } from '../infra/stores/mysql.ts';
import { archivedVersions, readArchived } from './archive/pages.ts';
import { insertEvents } from './insertEvents.ts';
import { bytesToId, type EventRow, eventColumns, idToBytes, separateNewer } from './log/eventRows.ts';
import { projectionTransaction } from './log/pause.ts';
import { hexId, type RunSql, selectRows, type Value } from './log/sql.ts';
import { byCouponAndVersion } from './projection.ts';
import { type Applied, neededGrab, sortBatch } from './sortBatch.ts';

/** Keys in one look-up: for much longer lists MariaDB stops using an index. */
const MAX_LOOKED_UP = 500;

/**
 * Applies whole deliveries to the log and its projections, in one transaction. Events that the log has already are filtered inside
 * the transaction and every other event is a plain INSERT, so that no fault can be swallowed (invariant 5 in docs/ARCHITECTURE.md).
 *
 * `coupons.version` is the highest version of the coupon in the log: every transaction that writes an event sets it. So the log is
 * searched for events up to that version alone, unless `distrust` is true: after a duplicate, the table may have been damaged.
 */
export async function applyBatch(mysql: Mysql, batch: readonly Delivery[], distrust = false): Promise<Applied> {
  return projectionTransaction(mysql, async (_trx, run) => {
    const events: CouponEvent[] = batch.flatMap(allEvents).sort(byCouponAndVersion);
    const coupons = await lockCoupons(run, events);
    const isNew = ({ coupon, version }: CouponEvent) => version > (coupons.get(coupon.id) ?? 0);
    const { known, newer } = await readKnown(run, distrust ? events : events.filter((event) => !isNew(event)));
    const grabs = await readNeededGrabs(run, events, known);
    const { fresh, ...applied } = sortBatch(batch, { coupons, known, newer, grabs });
    await insertEvents(run, fresh.sort(byCouponAndVersion));
    return applied;
  });
}

/**
 * Locks the coupons of sorted events and reads the version of each, by id. Every transaction takes its locks in this order: two
 * processes with the same coupons wait for each other and do not deadlock.
 */
async function lockCoupons(run: RunSql, sorted: readonly CouponEvent[]): Promise<Map<string, number>> {
  const sortedIds = [...new Set(sorted.map(({ coupon }) => coupon.id))];
  const found = new Map<string, number>();
  for (let done = 0; done < sortedIds.length; done += MAX_LOOKED_UP) {
    const ids = sortedIds.slice(done, done + MAX_LOOKED_UP).map(hexId);
    // Without FORCE INDEX, MariaDB 11 scans a small table, and waits for locks on other coupons.
    const rows = await run(
      `SELECT id, version FROM coupons FORCE INDEX (PRIMARY) WHERE id IN (${ids.join(',')}) ORDER BY id FOR UPDATE`,
    );
    for (const { id, version } of rows) found.set(bytesToId(id as Buffer), Number(version));
  }
  return found;
}

/** The key of event_log and of coupon_grabs. */
const key = { coupon_id: 'id', version: 'number' } as const;

/** The events of the list that the log has, by event id, and the ids of those that a newer release has logged. */
async function readKnown(run: RunSql, events: readonly CouponEvent[]) {
  const wanted = new Map(events.map(({ id, coupon, version }) => [id, [coupon.id, version]]));
  const found = await selectRows(run, { table: 'event_log', key }, eventColumns, [...wanted.values()]);
  const rows = found as unknown as EventRow[];
  const { events: readable, newer } = separateNewer(rows);
  const known = new Map(readable.map((event) => [event.id, event]));
  const missing = events.filter(({ id }) => !known.has(id) && !newer.has(id));
  const archived = separateNewer(await readArchivedRows(run, missing));
  for (const event of archived.events) known.set(event.id, event);
  for (const id of archived.newer) newer.add(id);
  return { known, newer };
}

/** An older copy of Redis may publish events again whose coupon was archived meanwhile. Most batches have no such coupon. */
async function readArchivedRows(run: RunSql, events: readonly CouponEvent[]): Promise<EventRow[]> {
  const ids = [...new Set(events.map(({ coupon }) => coupon.id))];
  const archived = await archivedVersions(run, ids.map(idToBytes));
  const wanted = new Set(events.map(({ id }) => id));
  const found: EventRow[] = [];
  for (const id of ids.filter((id) => archived.has(id)))
    for await (const page of readArchived(run, idToBytes(id)))
      found.push(...page.filter(({ version }) => wanted.has(eventId(id, version))));
  return found;
}

/** The grabs that new events about pieces depend on and that coupon_grabs has, by event id. Most batches need no look-up. */
async function readNeededGrabs(run: RunSql, events: readonly CouponEvent[], known: ReadonlyMap<string, CouponEvent>) {
  const wanted = new Map<string, Value[]>();
  for (const event of events) {
    const grab = neededGrab(event);
    if (grab !== undefined && !known.has(event.id)) wanted.set(grab, [event.coupon.id, grabOf(event) ?? 0]);
  }
  if (wanted.size > 0) for (const { id } of events) wanted.delete(id);
  const rows = await selectRows(run, { table: 'coupon_grabs', key }, Object.keys(key), [...wanted.values()]);
  return new Set(rows.map(({ coupon_id, version }) => eventId(bytesToId(coupon_id as Buffer), Number(version))));
}
