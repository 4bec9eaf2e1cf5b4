import calculateSlot from 'cluster-key-slot';

/** Fixed for a data set: it is stored in Redis and compared at every start, since another number would look for coupons elsewhere. */
export const PARTITIONS = 16;
export const allPartitions: readonly number[] = Array.from({ length: PARTITIONS }, (_, partition) => partition);

/** A coupon's own name across the system. Neither name holds a `/`, so it always parts the two. */
export const couponPath = (seller: string, name: string) => `${seller}/${name}`;

export function splitCouponPath(path: string): { seller: string; name: string } {
  const slash = path.indexOf('/');
  return { seller: path.slice(0, slash), name: path.slice(slash + 1) };
}

export const partitionOf = (seller: string, name: string) => calculateSlot(couponPath(seller, name)) % PARTITIONS;

// `{p}` is a Redis Cluster hash tag: all that one decision touches lives in one slot.
const inPartition = (partition: number, rest: string) => `seckill:{${partition}}:${rest}`;

export const keys = {
  partitions: 'seckill:partitions',
  marker: 'seckill:marker',
  /** Set of the coupons, as seller/name, whose log is damaged. */
  damagedCoupons: 'seckill:damaged-coupons',
  /** Exists while a process reconciles. */
  reconciling: (run: string) => `seckill:reconciling:${run}`,
  /** Exists while the partition's write model is reconciled. FLUSHALL takes it away, and the scripts then decide nothing. */
  fence: (partition: number) => inPartition(partition, 'fence'),
  outbox: (partition: number) => inPartition(partition, 'outbox'),
  deadLetters: (partition: number) => inPartition(partition, 'dead-letters'),
  coupon: (seller: string, name: string) =>
    inPartition(partitionOf(seller, name), `coupon:${couponPath(seller, name)}`),
  holders: (seller: string, name: string) =>
    inPartition(partitionOf(seller, name), `holders:${couponPath(seller, name)}`),
  /** Refusals that a later moment could answer otherwise, kept for the idempotency keys that got them. */
  answers: (seller: string, name: string) =>
    inPartition(partitionOf(seller, name), `answers:${couponPath(seller, name)}`),
  /** The coupon that a customer's idempotency key belongs to. No username holds a `:`, so it always parts the two. */
  idempotencyClaim: (customer: string, idempotencyKey: string) => `seckill:idempotency:${customer}:${idempotencyKey}`,
  /** Where reconcile builds a coupon's holders before they take the place of the old ones. */
  holdersBuilt: (seller: string, name: string, builder: string) =>
    inPartition(partitionOf(seller, name), `built:${builder}:${couponPath(seller, name)}`),
  userView: (username: string) => `seckill:view:user:${username}`,
  sellerView: (seller: string) => `seckill:view:seller:${seller}`,
  customerView: (customer: string) => `seckill:view:customer:${customer}`,
  /** Exists while a rehearsal runs: there is one at a time, whichever process runs it. */
  rehearsal: 'seckill:rehearsal',
  revocationAcks: (announcement: string) => `seckill:revocation-acks:${announcement}`,
} as const;

/** Channels are shared by all databases of a Redis; the data set is in one of them. */
export const revocationChannel = (database: number) => `seckill:revocations:${database}`;

/** Where processes tell each other what their grabs were answered, for the live figures. */
export const liveChannel = (database: number) => `seckill:live:${database}`;
