import type { CouponCreated, CouponGrabbed } from '../events.ts';
import { applyChanges, termsValues } from './couponChanges.ts';
import { hex, hexId, insertRows, literal } from './log/sql.ts';
import type { Projection } from './projection.ts';

const couponColumns =
  'id,seller,name,amount,pieces_left,version,created_at,per_customer,stock,description,starts_at,ends_at,valid_from,valid_until';
const grabColumns = 'coupon_id,version,customer,grabbed_at,code';

/** The coupons on offer, and every grab of each, also of pieces that were given back. */
export const coupons: Projection = {
  name: 'coupons',
  tables: ['coupons', 'coupon_grabs'],
  async apply(run, nameOf, events) {
    const created: CouponCreated[] = [];
    const grabbed: CouponGrabbed[] = [];
    for (const event of events) {
      if (event.type === 'CouponCreated') created.push(event);
      else if (event.type === 'CouponGrabbed') grabbed.push(event);
    }
    await insertRows(run, nameOf('coupons'), couponColumns, created.map(couponRow));
    await insertRows(run, nameOf('coupon_grabs'), grabColumns, grabRows(grabbed));
    // After the INSERTs: a piece may be grabbed and given back within these events.
    await applyChanges(run, nameOf, events);
  },
};

function couponRow({ coupon, version, occurredAt, data }: CouponCreated): string {
  const { amount, perCustomer = 1 } = data;
  const [stock, description, ...times] = termsValues(data);
  const values = [amount, amount, version, occurredAt, perCustomer, stock, hex(description)];
  const literals = [...values, ...times.map((time) => time ?? 'NULL')];
  return `(${hexId(coupon.id)},${hex(coupon.seller)},${hex(coupon.name)},${literals.join(',')})`;
}

/** The grabs are sorted by coupon, so each id is written as a literal once. */
function grabRows(grabbed: readonly CouponGrabbed[]): string[] {
  let id = '';
  let idLiteral = '';
  return grabbed.map(({ coupon, version, occurredAt, data }) => {
    if (coupon.id !== id) {
      id = coupon.id;
      idLiteral = hexId(id);
    }
    const code = data.code === undefined ? 'NULL' : literal(data.code);
    return `(${idLiteral},${version},${literal(data.customer)},${occurredAt},${code})`;
  });
}
