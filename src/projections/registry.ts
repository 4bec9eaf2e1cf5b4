import { coupons } from './coupons.ts';
import type { Projection } from './projection.ts';
import { salesPerMinute } from './salesPerMinute.ts';

/** Every projection of the event log in MySQL, in the order in which they are applied. */
export const projections: readonly Projection[] = [coupons, salesPerMinute];
