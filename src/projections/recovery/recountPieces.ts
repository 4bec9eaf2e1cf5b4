import type { Knex } from 'knex';
import { type CouponEvent, eventId, leftAfter, type PiecesRecounted } from '../../events.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import type { Log } from '../../infra/telemetry/log.ts';
import { archivedVersions, readArchived } from '../archive/pages.ts';
import { insertEvents } from '../insertEvents.ts';
import { bytesToId, type EventRow, eventColumns, rowsToEvents, rowToEvent } from '../log/eventRows.ts';
import { projectionTransaction } from '../log/pause.ts';
import type { RunSql } from '../log/sql.ts';
import { DamageError } from './damage.ts';

interface Gap {
  /** Versions that the log lacks, both inclusive. */
  first: number;
  last: number;
}

/** The archived events of a coupon, which have no gap. Up to `version`, rows of event_log are ignored. */
interface Archived {
  version: number;
  first?: CouponEvent;
  last?: CouponEvent;
  /** All pieces after the last restock; undefined without one. */
  amount?: number;
  grabs: number;
  releases: number;
}

/** The columns with the versions of the events that a row comes from. */
const versionColumns = [
  ['coupons', 'id', ['amount_version', 'terms_version', 'phase_version']],
  ['coupon_grabs', 'coupon_id', ['version', 'changed_version']],
] as const;

/**
 * Closes the gaps in a coupon's log that Redis left behind. Of two processes, one may have got the reply with version 8 and answered
 * its customer, while the other had not yet got the reply with version 7 when Redis lost both. No client was ever answered for version
 * 7: every process has written its decisions to MySQL before reconcile begins. So `PiecesRecounted` events fill version 7, and one more
 * at the end of the log says how many pieces are really left.
 * No later event depends on version 7: the entry of version 8 would have carried it as `Delivery.prior`, and the log would have both.
 * So a gap was another grab, or a redemption or its undoing with no later event about the same piece. A gap is never a restock, a
 * pause, a change of terms or a release, on which later grabs depend: without them the log is still a valid history.
 * A missing version that a row of coupons or coupon_grabs comes from was lost by MySQL and not by Redis: that is damage.
 * Resolves to the coupon's version after that. `at`: microseconds since 1970 on the clock of Redis.
 */
export async function recountPieces(deps: { mysql: Mysql; log: Log }, couponId: Buffer, at: number): Promise<number> {
  const { mysql, log } = deps;
  return projectionTransaction(mysql, async (trx, run) => {
    await trx('coupons').select('id').where({ id: couponId }).forUpdate();
    // The pieces are counted from the creation; without it no gap can be closed.
    const archived = await sumUpArchived(run, couponId);
    const created = archived.first ?? (await readEvent(trx, couponId, 1));
    const gaps = await findGaps(trx, couponId, archived.version);
    const events: PiecesRecounted[] = [];
    for (const { first, last } of gaps) {
      await mustNotBeKnown(trx, couponId, first, last);
      const before = archived.version === first - 1 ? archived.last : undefined;
      const left = leftAfter(before ?? (await readEvent(trx, couponId, first - 1)));
      for (let version = first; version <= last; version++) events.push(recounted(created, version, left, at));
    }
    const end = await countAgain(trx, created, archived, couponId, at);
    await insertEvents(run, [...events, end]);
    log.error(
      { coupon: created.coupon, gaps },
      'Redis lost versions before their clients were answered; their pieces were recounted',
    );
    return end.version;
  });
}

async function sumUpArchived(run: RunSql, couponId: Buffer): Promise<Archived> {
  const version = (await archivedVersions(run, [couponId])).get(bytesToId(couponId)) ?? 0;
  const found: Archived = { version, grabs: 0, releases: 0 };
  if (version === 0) return found;
  for await (const page of readArchived(run, couponId)) {
    for (const event of rowsToEvents(page)) {
      found.first ??= event;
      found.last = event;
      if (event.type === 'CouponGrabbed') found.grabs++;
      if (event.type === 'GrabReleased') found.releases++;
      if (event.type === 'CouponRestocked') found.amount = event.data.amount;
    }
  }
  if (found.last?.version !== version) throw new DamageError(`the archived pages lack version ${version}`);
  return found;
}

async function findGaps(trx: Knex.Transaction, couponId: Buffer, archived: number): Promise<Gap[]> {
  const [after] = await trx('event_log')
    .where({ coupon_id: couponId })
    .where('version', '>', archived)
    .min({ lowest: 'version' });
  const lowest = Number(after?.lowest);
  const [rows] = await trx.raw(
    `SELECT e.version + 1 AS first,
       (SELECT MIN(later.version) FROM event_log later WHERE later.coupon_id = e.coupon_id AND later.version > e.version) - 1 AS last
     FROM event_log e LEFT JOIN event_log next ON next.coupon_id = e.coupon_id AND next.version = e.version + 1
     WHERE e.coupon_id = ? AND e.version > ? AND next.version IS NULL ORDER BY e.version`,
    [couponId, archived],
  );
  // The versions after the last event are no gap.
  const gaps = (rows as { first: number; last: number | null }[]).flatMap(({ first, last }) =>
    last === null ? [] : [{ first, last }],
  );
  return lowest > archived + 1 ? [{ first: archived + 1, last: lowest - 1 }, ...gaps] : gaps;
}

async function mustNotBeKnown(trx: Knex.Transaction, couponId: Buffer, first: number, last: number): Promise<void> {
  for (const [table, id, columns] of versionColumns) {
    for (const column of columns) {
      const [row] = await trx(table)
        .select({ version: column })
        .where({ [id]: couponId })
        .whereBetween(column, [first, last])
        .limit(1);
      if (row !== undefined) throw new DamageError(`the event log lacks version ${row.version}, which ${table} has`);
    }
  }
}

async function readEvent(trx: Knex.Transaction, couponId: Buffer, version: number): Promise<CouponEvent> {
  const [row]: EventRow[] = await trx('event_log')
    .select(...eventColumns)
    .where({ coupon_id: couponId, version });
  if (row === undefined) throw new DamageError(`the event log lacks version ${version}`);
  return rowToEvent(row);
}

/** The event that ends the log of this coupon with the number of pieces that are really left. */
async function countAgain(
  trx: Knex.Transaction,
  created: CouponEvent,
  archived: Archived,
  couponId: Buffer,
  at: number,
): Promise<PiecesRecounted> {
  const [counted] = await trx('event_log')
    .where({ coupon_id: couponId })
    .where('version', '>', archived.version)
    .select(
      trx.raw("MAX(version) AS newest, SUM(type = 'CouponGrabbed') AS grabs, SUM(type = 'GrabReleased') AS releases"),
    );
  const [row]: EventRow[] = await trx('event_log')
    .select(...eventColumns)
    .where({ coupon_id: couponId, type: 'CouponRestocked' })
    .where('version', '>', archived.version)
    .orderBy('version', 'desc')
    .limit(1);
  const restocked = row === undefined ? undefined : rowToEvent(row);
  const before = archived.amount ?? leftAfter(created);
  const amount = restocked?.type === 'CouponRestocked' ? restocked.data.amount : before;
  const [grabs, releases] = [archived.grabs + Number(counted.grabs), archived.releases + Number(counted.releases)];
  const left = amount - grabs + releases;
  return recounted(created, Number(counted.newest) + 1, left, at);
}

const recounted = ({ coupon }: CouponEvent, version: number, left: number, at: number): PiecesRecounted => ({
  id: eventId(coupon.id, version),
  type: 'PiecesRecounted',
  coupon,
  version,
  occurredAt: at,
  data: { left },
});
