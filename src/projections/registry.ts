import { coupons } from './coupons.ts';
import type { Projection } from './projection.ts';
import { salesPerMinute } from './salesPerMinute.ts';

/** Every projection of the event log in MySQL, applied in this order. */
export const projections: readonly Projection[] = [coupons, salesPerMinute];
