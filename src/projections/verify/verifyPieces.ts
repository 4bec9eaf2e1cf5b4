import type { Redis } from 'ioredis';
import type { CouponEvent } from '../../events.ts';
import { groupBy } from '../../infra/groupBy.ts';
import { type CouponName, couponPath } from '../../infra/keys.ts';
import type { PieceColumns } from './couponWalk.ts';
import { addExpectations, type Expectation, faultOfValue, keysOf } from './expectations.ts';
import { readOutboxSubjects, subjectOf } from './readRedis.ts';
import { addSuspicion, type Report, type Suspicions } from './verifyReport.ts';

/** An event of the log with the row of its piece, and the limit of its coupon. */
export interface VerifiedEvent {
  event: CouponEvent;
  row: PieceColumns;
  perCustomer: number;
}

/** A piece that looks wrong in Redis; `subject` as subjectOf() names it. */
export interface Suspect {
  coupon: CouponName;
  subject: string;
  text: string;
}

/** Looks in Redis for what each of these events of the log must have there. */
export async function verifyPieces(
  redis: Redis,
  verified: readonly VerifiedEvent[],
  report: Report,
  suspicions: Suspicions,
): Promise<void> {
  const expected: Expectation[] = [];
  const limits = new Map<string, number>();
  for (const [id, ofCoupon] of groupBy(verified, ({ event }) => event.coupon.id)) {
    const [first] = ofCoupon;
    if (first === undefined) continue;
    limits.set(id, first.perCustomer);
    const couponKeys = keysOf(first.event.coupon);
    for (const { event, row } of ofCoupon) addExpectations(expected, couponKeys, event, row);
  }
  const values = await readValues(redis, expected);
  const suspects: Suspect[] = [];
  for (const [place, expectation] of expected.entries()) {
    const { event } = expectation;
    const text = faultOfValue(expectation, values[place] ?? null, limits.get(event.coupon.id) ?? 1);
    if (text !== undefined) suspects.push({ coupon: event.coupon, subject: subjectOf(event), text });
  }
  await suspect(redis, suspects, report, suspicions);
}

/**
 * An event about the same piece may explain a suspicion: Redis has the event, and MySQL has not committed it yet, or has committed it
 * while its view entry could not be written, because the connection to Redis was cut. The event stays in the outbox until both are
 * done. So the outbox is read after the values. An event that left the outbox before is in the log when the next attempt reads it.
 */
export async function suspect(
  redis: Redis,
  suspects: readonly Suspect[],
  report: Report,
  suspicions: Suspicions,
): Promise<void> {
  if (suspects.length === 0) return;
  const wanted = new Set(suspects.map(({ subject }) => subject));
  const coupons = suspects.map(({ coupon }) => coupon);
  const explained = await readOutboxSubjects(redis, coupons, wanted);
  for (const { coupon, subject, text } of suspects)
    if (!explained.has(subject)) addSuspicion(report, suspicions, `${couponPath(coupon)}: ${text}`);
}

/** The values in the order of the expectations. Fields of one hash are read by one command. */
async function readValues(redis: Redis, expected: readonly Expectation[]): Promise<(string | null)[]> {
  const values: (string | null)[] = new Array(expected.length).fill(null);
  const places = [...expected.keys()];
  const isView = (place: number) => expected[place]?.about === 'view';
  const readHash = async (key: string, ofHash: readonly number[]) => {
    const found = await redis.hmget(key, ...ofHash.map((place) => expected[place]?.field ?? ''));
    for (const [i, place] of ofHash.entries()) values[place] = found[i] ?? null;
  };
  const readScore = async (place: number) => {
    const { key = '', field = '' } = expected[place] ?? {};
    values[place] = await redis.zscore(key, field);
  };
  const hashes = groupBy(
    places.filter((place) => !isView(place)),
    (place) => expected[place]?.key ?? '',
  );
  const reading = places.filter(isView).map(readScore);
  await Promise.all([...reading, ...[...hashes].map(([key, ofHash]) => readHash(key, ofHash))]);
  return values;
}
