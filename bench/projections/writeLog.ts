import { v7 as uuidv7 } from 'uuid';
import type { RunSql } from '../../src/projections/log/sql.ts';
import { hex, hexId, insertRows } from '../../src/projections/log/sql.ts';

/** The size of a log that looks like the log of a sale. */
export interface LogSize {
  grabs: number;
  coupons: number;
}

const BATCH = 5_000;
const STARTED = 1_700_000_000_000_000;
const MICROSECONDS_BETWEEN = 200;

/** Writes events into an empty log as the projection would, and no other rows. The grabs alternate between the coupons. */
export async function writeLog(
  run: RunSql,
  { grabs, coupons }: LogSize,
  onProgress: (grabs: number) => void,
): Promise<void> {
  const offers = Array.from({ length: coupons }, (_, i) => ({
    id: hexId(uuidv7()),
    seller: hex(`seller-${i % 20}`),
    name: hex(`coupon-${i}`),
    grabs: 0,
  }));
  const pieces = Math.ceil(grabs / coupons);
  const columns = 'coupon_id,version,type,seller,name,occurred_at,data';
  await insertRows(
    run,
    'event_log',
    columns,
    offers.map(
      ({ id, seller, name }, i) =>
        `(${id},1,'CouponCreated',${seller},${name},${STARTED + i},'${JSON.stringify({ amount: pieces, stock: 5, description: 'a bench' })}')`,
    ),
  );
  for (let done = 0; done < grabs; done += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, grabs - done) }, (_, i) => {
      // A large prime step mixes the coupons, so that each of them has grabs all the time.
      const offer = offers[((done + i) * 7_919) % coupons];
      if (offer === undefined) throw new Error('no such offer');
      const grab = offer.grabs++;
      const data = JSON.stringify({ customer: `customer-${(done + i) % 100_003}`, left: pieces - offer.grabs });
      const at = STARTED + 1_000_000 + (done + i) * MICROSECONDS_BETWEEN;
      return `(${offer.id},${grab + 2},'CouponGrabbed',${offer.seller},${offer.name},${at},'${data}')`;
    });
    await insertRows(run, 'event_log', columns, rows);
    onProgress(done + rows.length);
  }
}
