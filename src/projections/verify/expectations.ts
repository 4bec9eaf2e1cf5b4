import { partitionOfCode } from '../../coupon/code.ts';
import { pieceText, readPieces } from '../../coupon/holderValue.ts';
import { releasedGrabRequest, requestOf } from '../../coupon/requests.ts';
import { type CouponEvent, unreachable } from '../../events.ts';
import { type CouponName, couponPath, keys } from '../../infra/keys.ts';
import { viewEntryOf } from '../redisViews.ts';
import type { PieceColumns } from './couponWalk.ts';

// What Redis must have for an event of the log. The row of a grab says whether the piece was given back or redeemed since then.

/** A value that Redis must have: a field of a hash, or the score of a member of a view. */
export interface Expectation {
  about: 'holder' | 'released piece' | 'code' | 'redemption' | 'view' | 'request';
  key: string;
  field: string;
  /** Undefined for a released piece: a customer who holds others still has a value. */
  value: string | undefined;
  event: CouponEvent;
}

/** The keys of a coupon, which many expectations share. */
export interface CouponKeys {
  path: string;
  holders: string;
  redemptions: string;
  requests: string;
}
export const keysOf = (coupon: CouponName): CouponKeys => ({
  path: couponPath(coupon),
  holders: keys.holders(coupon),
  redemptions: keys.redemptions(coupon),
  requests: keys.requests(coupon),
});

/** Adds what Redis must have for this event. */
export function addExpectations(expected: Expectation[], of: CouponKeys, event: CouponEvent, row: PieceColumns): void {
  const request = requestOf(event);
  if (request !== undefined)
    expected.push({ about: 'request', key: of.requests, field: request.field, value: request.answer, event });
  const entry = viewEntryOf(event);
  if (entry === undefined || (event.type !== 'CouponCreated' && event.type !== 'CouponGrabbed')) return;
  const isReleased = event.type === 'CouponGrabbed' && row.released_at !== null;
  const score = isReleased ? `-${row.released_at}` : String(entry.at);
  expected.push({ about: 'view', key: entry.view, field: entry.member, value: score, event });
  if (event.type === 'CouponCreated') return;

  const { customer, code, idempotencyKey } = event.data;
  const value = pieceText({ grab: event.version, code, idempotencyKey });
  if (!isReleased) {
    expected.push({ about: 'holder', key: of.holders, field: customer, value, event });
  } else {
    expected.push({ about: 'released piece', key: of.holders, field: customer, value: undefined, event });
    if (idempotencyKey !== undefined) {
      const { field, answer } = releasedGrabRequest(customer, idempotencyKey, code);
      expected.push({ about: 'request', key: of.requests, field, value: answer, event });
    }
  }
  if (code === undefined) return;
  const inIndex = `${of.path}/${customer}`;
  expected.push({ about: 'code', key: keys.codes(partitionOfCode(code)), field: code, value: inIndex, event });
  if (row.redeemed_at !== null)
    expected.push({ about: 'redemption', key: of.redemptions, field: code, value: String(row.redeemed_at), event });
}

/** What is wrong with this value; undefined if it is right. */
export function faultOfValue(expected: Expectation, found: string | null, perCustomer: number): string | undefined {
  const { about, key, field, value, event } = expected;
  if (found === value) return undefined;
  const { version } = event;
  switch (about) {
    case 'holder':
      return faultOfHolder(expected, found, perCustomer);
    case 'released piece':
      return readPieces(found).some(({ grab }) => grab === version)
        ? `Redis still has the piece of ${field} of version ${version}, which was given back`
        : undefined;
    case 'code':
      return `the code of version ${version} leads to ${found ?? 'no piece'}`;
    case 'redemption':
      return found === null
        ? `Redis lacks the redemption of version ${version}`
        : `Redis has the redemption of version ${version} at ${found}, MySQL at ${value}`;
    case 'view':
      return found === null
        ? `version ${version} is not in ${key}`
        : `version ${version} has the time ${found} instead of ${value} in ${key}`;
    case 'request':
      return `Redis lacks the idempotency key of version ${version} ("${field}")`;
    default:
      return unreachable(about);
  }
}

function faultOfHolder(
  { field: customer, value = '', event: { version } }: Expectation,
  found: string | null,
  perCustomer: number,
): string | undefined {
  const pieces = readPieces(found);
  if (pieces.length > perCustomer)
    return `Redis has ${pieces.length} pieces of ${customer}, and the limit is ${perCustomer}`;
  const piece = pieces.find(({ grab }) => grab === version);
  if (piece === undefined) return `Redis lacks the piece of ${customer} of version ${version}`;
  const text = pieceText(piece);
  return text === value ? undefined : `Redis has the piece of ${customer} as "${text}", the log as "${value}"`;
}
