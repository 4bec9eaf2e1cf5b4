import { type CouponName, keys } from '../../infra/keys.ts';

/** The keys of the scripts about one piece, after those of every change. */
export const pieceKeys = (coupon: CouponName): string[] => [
  keys.unloggedPieces(coupon),
  keys.holders(coupon),
  keys.redemptions(coupon),
];
