import type { Knex } from 'knex';
import { type CouponEvent, eventId, leftAfter, type PiecesRecounted } from '../../events.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import type { Log } from '../../infra/telemetry/log.ts';
import { insertEvents, writing } from '../applyBatch.ts';
import { type EventRow, eventColumns, rowToEvent } from '../log/eventRows.ts';
import { DamageError } from './damage.ts';

interface Gap {
  /** Versions that the log lacks, both inclusive. */
  first: number;
  last: number;
}

/**
 * Closes gaps in the log of coupons that Redis lost. Of two processes one may have heard of version 8, and told its customer, while
 * the other had not yet heard of version 7 when Redis lost both. Nobody was told of 7 and nobody ever will be: all processes have
 * put away what they knew before anybody reconciles. So the log says of 7 that nobody got a piece by it, and at its end how many
 * pieces there really are. A version that has a row in coupon_grabs was not lost with Redis but in MySQL: that is damage.
 * Resolves to the coupon's version after that. `at`: microseconds since 1970 on the clock of Redis.
 */
export async function recountPieces(deps: { mysql: Mysql; log: Log }, couponId: Buffer, at: number): Promise<number> {
  const { mysql, log } = deps;
  return writing(mysql, async (trx, run) => {
    await trx('coupons').select('id').where({ id: couponId }).forUpdate();
    // The creation is what all else is counted from; without it nothing can be closed.
    const created = await readEvent(trx, couponId, 1);
    const gaps = await findGaps(trx, couponId);
    const events: PiecesRecounted[] = [];
    for (const { first, last } of gaps) {
      await mustNotBeKnown(trx, couponId, first, last);
      const before = await readEvent(trx, couponId, first - 1);
      for (let version = first; version <= last; version++)
        events.push(recounted(before, version, leftAfter(before), at));
    }
    const end = await countAgain(trx, created, couponId, at);
    await insertEvents(run, [...events, end]);
    log.error({ coupon: created.coupon, gaps }, 'versions were lost with Redis before anybody was told');
    return end.version;
  });
}

async function findGaps(trx: Knex.Transaction, couponId: Buffer): Promise<Gap[]> {
  const [rows] = await trx.raw(
    `SELECT e.version + 1 AS first,
       (SELECT MIN(later.version) FROM event_log later WHERE later.coupon_id = e.coupon_id AND later.version > e.version) - 1 AS last
     FROM event_log e LEFT JOIN event_log next ON next.coupon_id = e.coupon_id AND next.version = e.version + 1
     WHERE e.coupon_id = ? AND next.version IS NULL ORDER BY e.version`,
    [couponId],
  );
  // What comes after the last event is no gap.
  return (rows as { first: number; last: number | null }[]).flatMap(({ first, last }) =>
    last === null ? [] : [{ first, last }],
  );
}

async function mustNotBeKnown(trx: Knex.Transaction, couponId: Buffer, first: number, last: number): Promise<void> {
  const [row] = await trx('coupon_grabs')
    .where({ coupon_id: couponId })
    .whereBetween('version', [first, last])
    .limit(1);
  if (row !== undefined) throw new DamageError(`the event log lacks version ${row.version}, which coupon_grabs has`);
}

async function readEvent(trx: Knex.Transaction, couponId: Buffer, version: number): Promise<CouponEvent> {
  const [row]: EventRow[] = await trx('event_log')
    .select(...eventColumns)
    .where({ coupon_id: couponId, version });
  if (row === undefined) throw new DamageError(`the event log lacks version ${version}`);
  return rowToEvent(row);
}

/** The event that ends the log of this coupon with what is really left. */
async function countAgain(
  trx: Knex.Transaction,
  created: CouponEvent,
  couponId: Buffer,
  at: number,
): Promise<PiecesRecounted> {
  const [counted] = await trx('event_log')
    .where({ coupon_id: couponId })
    .select(trx.raw("MAX(version) AS newest, SUM(type = 'CouponGrabbed') AS grabs"));
  return recounted(created, Number(counted.newest) + 1, leftAfter(created) - Number(counted.grabs), at);
}

const recounted = ({ coupon }: CouponEvent, version: number, left: number, at: number): PiecesRecounted => ({
  id: eventId(coupon.id, version),
  type: 'PiecesRecounted',
  coupon,
  version,
  occurredAt: at,
  data: { left },
});
