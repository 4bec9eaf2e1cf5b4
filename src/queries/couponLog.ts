import type { Redis } from 'ioredis';
import { canBeCoupon } from '../coupon/names.ts';
import type { Standing } from '../infra/fence.ts';
import type { Gate } from '../infra/gate.ts';
import { type CouponName, keys } from '../infra/keys.ts';
import type { MysqlReads } from '../infra/stores/mysqlReads.ts';
import { idToBytes } from '../projections/log/eventRows.ts';
import type { LogProgress } from './logProgress.ts';
import { findCoupons } from './readCoupons.ts';

// Pages of what MySQL has of one coupon, in the order of its versions.

export interface CouponLogDeps {
  redis: Redis;
  gate: Gate;
  fence: Standing;
  reads: MysqlReads;
  logProgress: LogProgress;
}

/** How many of a coupon's events MySQL has. */
export interface CouponLog {
  id: Buffer;
  /** MySQL has all events up to this version. Lists end with it, so a client that continues after it misses no event. */
  version: number;
  /** The number of later versions, which Redis has already. */
  behind: number;
}

export interface LogPage<Entry> {
  source: 'mysql';
  version: number;
  behind: number;
  /** `after` of the next page; absent on the last one. */
  next?: number | undefined;
  data: Entry[];
}

/** Undefined when there is no coupon of this name: Redis knows this before MySQL does. */
export async function findCouponLog(deps: CouponLogDeps, coupon: CouponName): Promise<CouponLog | undefined> {
  deps.gate.mustBeOpen();
  if (!canBeCoupon(coupon)) return undefined;
  const { found } = await findCoupons(deps.redis, [coupon], ['id', 'version']);
  const [fields] = found;
  if (fields === undefined) {
    // Redis may have been emptied a moment ago.
    await deps.fence.mustStand(keys.coupon(coupon));
    return undefined;
  }
  const inRedis = Number(fields.version);
  const version = await deps.logProgress.completeUpTo(fields.id, inRedis);
  return { id: idToBytes(fields.id), version, behind: inRedis - version };
}

/** `entries` are up to one more than `limit`, to see whether a page follows. */
export function logPage<Entry extends { version: number }>(
  { version, behind }: CouponLog,
  entries: readonly Entry[],
  limit: number,
): LogPage<Entry> {
  const data = entries.slice(0, limit);
  const next = entries.length > limit ? { next: data.at(-1)?.version } : {};
  return { source: 'mysql', version, behind, ...next, data };
}
