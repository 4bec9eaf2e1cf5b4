import { partitionOfCode } from '../../coupon/code.ts';
import { type HeldPiece, pieceText, readPieces } from '../../coupon/holderValue.ts';
import { releasedGrabRequest, requestOf } from '../../coupon/requests.ts';
import type { CouponEvent, EventOf } from '../../events.ts';
import { couponPath, keys } from '../../infra/keys.ts';
import { viewEntryOf } from '../redisViews.ts';
import type { PieceColumns } from './couponWalk.ts';

// What Redis must have for an event of the log. The row of a grab says whether the piece was given back or redeemed since then.

/** A value that Redis must have: a field of a hash, or the score of a member of a view. */
export interface Expectation {
  kind: 'hash' | 'view';
  key: string;
  field: string;
  /** What is wrong with this value; undefined if it is right. */
  fault: (value: string | null) => string | undefined;
}

export function expectationsOf(event: CouponEvent, row: PieceColumns, perCustomer: number): Expectation[] {
  const expected: Expectation[] = [];
  const request = requestOf(event);
  if (request !== undefined) expected.push(requestExpected(event, request));
  if (event.type === 'CouponCreated') expected.push(viewExpected(event, event.occurredAt));
  if (event.type === 'CouponGrabbed') expected.push(...grabExpectations(event, row, perCustomer));
  return expected;
}

function grabExpectations(event: EventOf<'CouponGrabbed'>, row: PieceColumns, perCustomer: number): Expectation[] {
  const { coupon, version, occurredAt, data } = event;
  const { customer, code, idempotencyKey } = data;
  const piece: HeldPiece = { grab: version, code, idempotencyKey };
  const isReleased = row.released_at !== null;
  const holders = { kind: 'hash', key: keys.holders(coupon), field: customer } as const;
  const expected: Expectation[] = [
    {
      ...holders,
      fault: (value) => (isReleased ? faultOfReleased(event, value) : faultOfHeld(event, piece, perCustomer, value)),
    },
    viewExpected(event, row.released_at === null ? occurredAt : -row.released_at),
  ];
  if (code !== undefined) {
    const leadsTo = `${couponPath(coupon)}/${customer}`;
    expected.push({
      ...{ kind: 'hash', key: keys.codes(partitionOfCode(code)), field: code },
      fault: (value) =>
        value === leadsTo ? undefined : `the code of version ${version} leads to ${value ?? 'no piece'}`,
    });
  }
  if (code !== undefined && row.redeemed_at !== null) {
    const redeemedAt = String(row.redeemed_at);
    expected.push({
      ...{ kind: 'hash', key: keys.redemptions(coupon), field: code },
      fault(value) {
        if (value === null) return `Redis lacks the redemption of version ${version}`;
        return value === redeemedAt
          ? undefined
          : `Redis has the redemption of version ${version} at ${value}, MySQL at ${redeemedAt}`;
      },
    });
  }
  if (isReleased && idempotencyKey !== undefined)
    expected.push(requestExpected(event, releasedGrabRequest(customer, idempotencyKey, code)));
  return expected;
}

function faultOfHeld(
  { version, data: { customer } }: EventOf<'CouponGrabbed'>,
  piece: HeldPiece,
  perCustomer: number,
  value: string | null,
): string | undefined {
  const text = pieceText(piece);
  // Most customers hold one piece.
  if (value === text) return undefined;
  const pieces = readPieces(value);
  if (pieces.length > perCustomer)
    return `Redis has ${pieces.length} pieces of ${customer}, and the limit is ${perCustomer}`;
  const found = pieces.find(({ grab }) => grab === version);
  if (found === undefined) return `Redis lacks the piece of ${customer} of version ${version}`;
  return pieceText(found) === text
    ? undefined
    : `Redis has the piece of ${customer} as "${pieceText(found)}", the log as "${text}"`;
}

const faultOfReleased = ({ version, data: { customer } }: EventOf<'CouponGrabbed'>, value: string | null) =>
  readPieces(value).some(({ grab }) => grab === version)
    ? `Redis still has the piece of ${customer} of version ${version}, which was given back`
    : undefined;

function viewExpected(event: EventOf<'CouponCreated' | 'CouponGrabbed'>, at: number): Expectation {
  const { view = '', member = '' } = viewEntryOf(event) ?? {};
  return {
    ...{ kind: 'view', key: view, field: member },
    fault(score) {
      if (score === null) return `version ${event.version} is not in ${view}`;
      return Number(score) === at
        ? undefined
        : `version ${event.version} has the time ${score} instead of ${at} in ${view}`;
    },
  };
}

const requestExpected = (
  { coupon, version }: CouponEvent,
  { field, answer }: { field: string; answer: string },
): Expectation => ({
  ...{ kind: 'hash', key: keys.requests(coupon), field },
  fault: (value) =>
    value === answer ? undefined : `Redis lacks the idempotency key of version ${version} ("${field}")`,
});
