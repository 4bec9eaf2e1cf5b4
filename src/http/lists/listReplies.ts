import { z } from 'zod';
import type { SaleStatus } from '../../coupon/state.ts';
import { type EventType, eventDataSchemas } from '../../events.ts';
import type { LogPage } from '../../queries/couponLog.ts';
import type { CustomerCoupon } from '../../queries/listCustomerCoupons.ts';
import type { HistoryEvent } from '../../queries/listHistory.ts';
import type { Holder } from '../../queries/listHolders.ts';
import type { CouponCounts } from '../../queries/readCoupon.ts';
import type { SellerCoupon } from '../../queries/sellers/sellerCoupon.ts';

// The schemas of the response bodies with coupons, pieces and events.

const count = (description: string) => z.int().min(0).meta({ description });
const time = (description: string) => z.string().meta({ format: 'date-time', description });
const limit = (description: string) => time(`${description} Absent: no limit.`).optional();

const coupon = z.object({
  name: z.string(),
  stock: count('Face value.'),
  description: z.string(),
});
const validity = {
  validFrom: limit('Codes are redeemed from this time on.'),
  validUntil: limit('Codes are redeemed before this time.'),
};
const code = z
  .string()
  .meta({ description: 'The code of the piece, such as `7K3M-9QTX-2WEC`. Grabs of the first releases have none.' });
const redeemedAt = time('The time of the redemption. Absent while the code is good.').optional();

export const saleStatus = z.enum(['scheduled', 'on-sale', 'paused', 'sold-out', 'closed', 'ended']).meta({
  description: 'The state of the sale on the clock of Redis. Grabs succeed while it is `on-sale`, and only then.',
}) satisfies z.ZodType<SaleStatus>;

export const customerCoupon = coupon.extend({
  seller: z.string(),
  grabbedAt: time('The time of the grab on the clock of Redis.'),
  code: code.optional(),
  redeemedAt,
  ...validity,
}) satisfies z.ZodType<CustomerCoupon>;
export const sellerCoupon = coupon.extend({
  amount: z.int().min(1).meta({ description: 'All pieces: those of the creation and of every restock.' }),
  left: count('Pieces left at this moment.'),
  status: saleStatus,
  perCustomer: z.int().min(1).meta({ description: 'Pieces that one customer may hold.' }),
  startsAt: limit('Grabs succeed from this time on.'),
  endsAt: limit('Grabs succeed before this time.'),
  ...validity,
}) satisfies z.ZodType<SellerCoupon>;
export const couponsReply = z.object({
  errMsg: z.literal(''),
  data: z.union([z.array(sellerCoupon), z.array(customerCoupon)]),
});

/** The counts are there for the coupon's seller alone. */
export const countedCoupon = sellerCoupon.extend({
  grabbed: count('Grabs until now, of pieces that were given back too. For the seller alone.').optional(),
  released: count('Pieces given back until now. For the seller alone.').optional(),
  redeemed: count('Redeemed codes, without redemptions that were undone. For the seller alone.').optional(),
}) satisfies z.ZodType<SellerCoupon & { [Count in keyof CouponCounts]?: number | undefined }>;
export const couponReply = z.object({ errMsg: z.literal(''), data: countedCoupon });

export const holder = z.object({
  version: z.int().min(1).meta({ description: 'The version of the grab.' }),
  customer: z.string(),
  code: code.optional(),
  grabbedAt: time('The time of the grab on the clock of Redis.'),
  redeemedAt,
}) satisfies z.ZodType<Holder>;

export const historyEvent = z.object({
  version: z.int().min(1),
  type: z.enum(Object.keys(eventDataSchemas) as [EventType, ...EventType[]]),
  at: time('The time of the event on the clock of Redis.'),
  amount: count('All pieces after the event.').optional(),
  added: count('Pieces added by a restock.').optional(),
  left: count('Pieces left after the event.').optional(),
  stock: count('Face value.').optional(),
  description: z.string().optional(),
  startsAt: limit('Grabs succeed from this time on.'),
  endsAt: limit('Grabs succeed before this time.'),
  ...validity,
  perCustomer: z.int().min(1).optional().meta({ description: 'Pieces that one customer may hold. Absent: one.' }),
  customer: z.string().optional().meta({ description: 'The customer whose piece the event is about.' }),
  grab: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'The version of the grab of the piece that the event is about.' }),
  code: code.optional(),
}) satisfies z.ZodType<HistoryEvent>;

const logPageOf = <Entry extends z.ZodType>(entry: Entry) =>
  z.object({
    errMsg: z.literal(''),
    source: z.enum(['mysql']),
    version: count('MySQL has all events of the coupon up to this version. The page ends with it at the latest.'),
    behind: count('Events after `version` that MySQL does not have yet.'),
    next: z.int().min(1).optional().meta({ description: '`after` of the next page. Absent on the last page.' }),
    data: z.array(entry),
  });
export const holdersReply = logPageOf(holder) satisfies z.ZodType<LogPage<Holder>>;
export const historyReply = logPageOf(historyEvent) satisfies z.ZodType<LogPage<HistoryEvent>>;
