import { type CouponCreated, type CouponGrabbed, leftAfter, type PiecesRecounted, unreachable } from '../events.ts';
import type { RunSql } from './log/sql.ts';
import { hex, hexId, insertRows, literal, updateRows } from './log/sql.ts';
import type { NameTable, Projection } from './projection.ts';

/** The coupons on offer, and the grabs of each. */
export const coupons: Projection = {
  name: 'coupons',
  tables: ['coupons', 'coupon_grabs'],
  async apply(run, nameOf, events) {
    const created: CouponCreated[] = [];
    const grabbed: CouponGrabbed[] = [];
    const changed: (CouponGrabbed | PiecesRecounted)[] = [];
    for (const event of events) {
      switch (event.type) {
        case 'CouponCreated':
          created.push(event);
          break;
        case 'CouponGrabbed':
          grabbed.push(event);
          changed.push(event);
          break;
        case 'PiecesRecounted':
          changed.push(event);
          break;
        default:
          unreachable(event);
      }
    }
    const couponColumns = 'id,seller,name,amount,stock,description,pieces_left,version,created_at';
    await insertRows(run, nameOf('coupons'), couponColumns, created.map(couponRow));
    const grabColumns = 'coupon_id,version,customer,grabbed_at';
    await insertRows(run, nameOf('coupon_grabs'), grabColumns, grabRows(grabbed));
    await updatePiecesLeft(run, nameOf, changed);
  },
};

const couponRow = ({ coupon, version, occurredAt, data }: CouponCreated) =>
  `(${hexId(coupon.id)},${hex(coupon.seller)},${hex(coupon.name)},${data.amount},${data.stock},` +
  `${hex(data.description)},${data.amount},${version},${occurredAt})`;

/** The grabs are sorted by coupon, so each id is written as a literal once. */
function grabRows(grabbed: readonly CouponGrabbed[]): string[] {
  let id = '';
  let idLiteral = '';
  return grabbed.map(({ coupon, version, occurredAt, data }) => {
    if (coupon.id !== id) {
      id = coupon.id;
      idLiteral = hexId(id);
    }
    return `(${idLiteral},${version},${literal(data.customer)},${occurredAt})`;
  });
}

/** Sets the pieces left from the event with the highest version; counting down would count an event twice that comes twice. */
async function updatePiecesLeft(
  run: RunSql,
  nameOf: NameTable,
  changed: readonly (CouponGrabbed | PiecesRecounted)[],
): Promise<void> {
  if (changed.length === 0) return;
  // The events are sorted by version within a coupon, so the Map keeps the last one.
  const latest = new Map(changed.map((event) => [event.coupon.id, event]));
  await updateRows(
    run,
    nameOf('coupons'),
    ['id', 'version', 'pieces_left'],
    {
      on: 't.id = given.id AND t.version < given.version',
      set: 't.pieces_left = given.pieces_left, t.version = given.version',
    },
    [...latest.values()].map((event) => [hexId(event.coupon.id), event.version, leftAfter(event)]),
  );
}
