import calculateSlot from 'cluster-key-slot';

/** Fixed for a data set: the number decides where a coupon is stored. It is kept in Redis and compared at every start. */
export const PARTITIONS = 16;
export const allPartitions: readonly number[] = Array.from({ length: PARTITIONS }, (_, partition) => partition);

/** Identifies a coupon for clients: a name is unique within its seller. */
export interface CouponName {
  seller: string;
  name: string;
}

const RESERVED = /[^\w.@~\u0080-\uffff-]/;
const everyReserved = new RegExp(RESERVED, 'g');

/**
 * The name of a user as part of a key or of a text with several parts: the characters that separate the parts are percent-encoded, and
 * with them all of ASCII that no local account may have. So two names never have one text, and the names of local accounts stay as they
 * are. The users of an identity provider may have any name.
 */
export const keyName = (username: string) =>
  RESERVED.test(username)
    ? username.replace(
        everyReserved,
        (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
      )
    : username;

const nameOfKey = (text: string) =>
  text.includes('%')
    ? text.replace(/%([0-9A-F]{2})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))
    : text;

/** Both names as one text, `seller/name`. Neither part contains a `/`, so the text can always be split again. */
export const couponPath = ({ seller, name }: CouponName) => `${keyName(seller)}/${name}`;

export function splitCouponPath(path: string): CouponName {
  const slash = path.indexOf('/');
  return { seller: nameOfKey(path.slice(0, slash)), name: path.slice(slash + 1) };
}

/** A piece in the view of its customer: `seller/name/code`; without the code for grabs of the first releases, which have none. */
export const piecePath = (coupon: CouponName, code?: string) =>
  code === undefined ? couponPath(coupon) : `${couponPath(coupon)}/${code}`;

export function splitPiecePath(path: string): CouponName & { code?: string } {
  const [seller = '', name = '', code] = path.split('/');
  return { seller: nameOfKey(seller), name, ...(code === undefined ? {} : { code }) };
}

/** The coupon and the customer of a code, `seller/name/customer`. The customer stands there as it is, because a script writes it. */
export function splitCodeOwner(text: string): CouponName & { customer: string } {
  const [seller = '', name = '', ...customer] = text.split('/');
  return { seller: nameOfKey(seller), name, customer: customer.join('/') };
}

export const partitionOf = (coupon: CouponName) => calculateSlot(couponPath(coupon)) % PARTITIONS;

// `{p}` is a Redis Cluster hash tag: all keys of one decision are in one slot.
const inPartition = (partition: number, rest: string) => `seckill:{${partition}}:${rest}`;
const ofCoupon = (kind: string, coupon: CouponName) => {
  const path = couponPath(coupon);
  return inPartition(calculateSlot(path) % PARTITIONS, `${kind}:${path}`);
};

const SELLER_VIEWS = 'seckill:view:seller:';
const CUSTOMER_VIEWS = 'seckill:view:customer:';

export const keys = {
  partitions: 'seckill:partitions',
  marker: 'seckill:marker',
  /** Set of the coupons, as seller/name, whose log is damaged. */
  damagedCoupons: 'seckill:damaged-coupons',
  /** Exists while a process reconciles. */
  reconciling: (tag: string, run: string) => `seckill:{${tag}}:reconciling:${run}`,
  /**
   * The replication id of the Redis on which the partition's write model was reconciled. FLUSHALL removes the fence and a promotion makes
   * it untrue; the scripts then decide nothing.
   */
  fence: (partition: number) => inPartition(partition, 'fence'),
  /** Exists where the views were written, on a Redis Cluster: a master without it was emptied. */
  viewsMark: (partition: number) => inPartition(partition, 'views'),
  outbox: (partition: number) => inPartition(partition, 'outbox'),
  deadLetters: (partition: number) => inPartition(partition, 'dead-letters'),
  /** Hash of the server processes that report to operators, each with its last report. */
  processes: 'seckill:processes',
  coupon: (coupon: CouponName) => ofCoupon('coupon', coupon),
  holders: (coupon: CouponName) => ofCoupon('holders', coupon),
  /** Refusals that may become false later, kept for the idempotency keys that got them as an answer. */
  answers: (coupon: CouponName) => ofCoupon('answers', coupon),
  /** Idempotency keys whose request succeeded, with the reply that they get again; a win that is held is stored with its holder. */
  requests: (coupon: CouponName) => ofCoupon('requests', coupon),
  /** The batch of creations that has reserved the name of a coupon, as `formatBatch` in commands/batches/batch.ts writes it. */
  reservation: (coupon: CouponName) => ofCoupon('reservation', coupon),
  /** The batches that are committed and not finished, each with its plan. */
  batches: (partition: number) => inPartition(partition, 'batches'),
  /** When each code was redeemed; a code that is good has no entry. */
  redemptions: (coupon: CouponName) => ofCoupon('redemptions', coupon),
  /** Events that later grabs depend on and that MySQL may lack, by version: see `Delivery.prior` in outbox.ts. */
  unloggedChanges: (coupon: CouponName) => ofCoupon('unlogged-changes', coupon),
  /** The same for the redemptions of a piece, by code: a line for each event. */
  unloggedPieces: (coupon: CouponName) => ofCoupon('unlogged-pieces', coupon),
  /** The coupon and the first customer of every code of the partition, dead codes included: `seller/name/customer`. */
  codes: (partition: number) => inPartition(partition, 'codes'),
  /** Where reconcile builds these hashes of a coupon before they replace the old ones. */
  built: (kind: 'holders' | 'redemptions' | 'requests', coupon: CouponName, builder: string) =>
    ofCoupon(`built:${builder}:${kind}`, coupon),
  /** The request that a user's idempotency key belongs to. No `keyName` contains a brace, so the two keys of a user are in one slot. */
  idempotencyClaim: (user: string, idempotencyKey: string) =>
    `seckill:idempotency:{${keyName(user)}}:${idempotencyKey}`,
  /** The same as the first releases named it, for users whose name is the same in keys. */
  olderIdempotencyClaim: (user: string, idempotencyKey: string) => `seckill:idempotency:${user}:${idempotencyKey}`,
  /** When a process that writes the newer names first started on this data set: milliseconds since 1970 on the clock of Redis. */
  claimsRenamed: 'seckill:claims-renamed',
  /** The numbers of claims that a user has written or renewed in this window and in the previous one. */
  idempotencyCounts: (user: string) => `seckill:idempotency-counts:{${keyName(user)}}`,
  userView: (username: string) => `seckill:view:user:${keyName(username)}`,
  sellerView: (seller: string) => `${SELLER_VIEWS}${keyName(seller)}`,
  /** Room for coupons that are being created. The hash tag is the whole key of the view, so both are in one slot. */
  room: (seller: string) => `seckill:room:{${keys.sellerView(seller)}}`,
  customerView: (customer: string) => `${CUSTOMER_VIEWS}${keyName(customer)}`,
  /** Exists while a rehearsal runs: at most one runs at a time, over all processes. */
  rehearsal: 'seckill:rehearsal',
  /** For the trial of permissions at a start; expires after a minute at most. */
  trial: (tag: string, run: string, name: string) => `seckill:{${tag}}:trial:${run}:${name}`,
  /** What is written to it goes to the replicas and into no file. */
  replicated: (tag: string) => `seckill:{${tag}}:replicated`,
  /** The prefix of the counters of a limit; a counter expires with the window of the limit. */
  limit: (name: 'log-in-address' | 'log-in-account' | 'log-in-pair' | 'registration') => `seckill:limit:${name}`,
  /** The addresses from which log-ins to an account have succeeded, by the time of the last one. */
  knownAddresses: (username: string) => `seckill:known-addresses:${username}`,
  /** Counts the processes that have confirmed a log-out. */
  revocationAcks: (announcement: string) => `seckill:revocation-acks:${announcement}`,
} as const;

/** The keys of one coupon that a grab needs, in the order of the script. The partition is given, since computing it costs as much as the rest. */
export const grabKeys = (partition: number, coupon: CouponName): string[] => {
  const path = couponPath(coupon);
  return grabKinds.map((kind) => inPartition(partition, `${kind}:${path}`));
};
const grabKinds = ['coupon', 'holders', 'answers', 'requests', 'unlogged-changes'] as const;

/** For SCAN: the keys of every coupon and of every view. The functions below read the names back from a key. */
export const keyPatterns = {
  coupons: 'seckill:{*}:coupon:*',
  sellerViews: `${SELLER_VIEWS}*`,
  customerViews: `${CUSTOMER_VIEWS}*`,
} as const;
export const couponOfKey = (key: string): CouponName => splitCouponPath(key.replace(/^seckill:\{\d+\}:coupon:/, ''));
export const sellerOfView = (key: string) => nameOfKey(key.slice(SELLER_VIEWS.length));
export const customerOfView = (key: string) => nameOfKey(key.slice(CUSTOMER_VIEWS.length));

/** All databases of a Redis share one set of channels, so the name of a channel holds the number of the database. */
export const revocationChannel = (database: number) => `seckill:revocations:${database}`;

/** The channel on which processes publish the outcomes of their grabs, for the live figures. */
export const liveChannel = (database: number) => `seckill:live:${database}`;
