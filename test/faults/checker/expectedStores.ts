import type { Piece } from '../../../src/coupon/pieces.ts';
import { releasedGrabRequest, requestOf } from '../../../src/coupon/requests.ts';
import type { CouponState } from '../../../src/coupon/state.ts';
import type { CouponEvent } from '../../../src/events.ts';
import type { GrabRow, HeldPiece } from '../records/saleRecords.ts';
import type { CouponHistory } from './couponHistory.ts';

/** What the stores must hold of one coupon when MySQL and Redis have all its events. */
export interface ExpectedStores {
  state: CouponState | undefined;
  rows: Omit<GrabRow, 'coupon'>[];
  holders: Record<string, HeldPiece[]>;
  redemptions: Record<string, number>;
  requests: Record<string, string>;
  /** Releases, and redemptions that count. Undefined if the coupon does not exist. */
  counts: (number | undefined)[];
}

export function expectedOf(history: CouponHistory | undefined): ExpectedStores {
  const events = history?.events ?? [];
  const state = history?.stateAfter(events.length);
  const pieces = [...(history?.pieces.values() ?? [])].flatMap((piece) => piece ?? []);
  const redeemed = pieces.flatMap(({ code = '', redeemedAt }) =>
    redeemedAt === undefined ? [] : [[code, redeemedAt]],
  );
  return {
    state,
    rows: rowsOf(history),
    holders: holdersOf(pieces),
    redemptions: Object.fromEntries(redeemed),
    requests: requestsOf(events),
    counts: [state?.released, state?.redeemed],
  };
}

function rowsOf(history: CouponHistory | undefined): ExpectedStores['rows'] {
  const events = history?.events ?? [];
  const releases = new Map(
    events.flatMap((event) => (event.type === 'GrabReleased' ? [[event.data.grab, event.occurredAt] as const] : [])),
  );
  return events.flatMap((event) => {
    if (event.type !== 'CouponGrabbed') return [];
    const { version, data } = event;
    const redeemedAt = history?.pieces.get(version)?.redeemedAt;
    return { version, customer: data.customer, code: data.code, redeemedAt, releasedAt: releases.get(version) };
  });
}

function holdersOf(pieces: readonly Piece[]): Record<string, HeldPiece[]> {
  const holders: Record<string, HeldPiece[]> = {};
  for (const { customer, grab, code, idempotencyKey } of pieces.toSorted((a, b) => a.grab - b.grab)) {
    const held = { grab, code, key: idempotencyKey };
    holders[customer] = [...(holders[customer] ?? []), held];
  }
  return holders;
}

/** Keys whose command succeeded. The key of a grab is here only when the piece was given back: a piece that is held has its key. */
function requestsOf(events: readonly CouponEvent[]): Record<string, string> {
  const byVersion = new Map(events.map((event) => [event.version, event]));
  const answered = events.flatMap((event) => {
    const grab = event.type === 'GrabReleased' ? byVersion.get(event.data.grab) : undefined;
    const { idempotencyKey = undefined, customer = '', code } = grab?.type === 'CouponGrabbed' ? grab.data : {};
    const ofGrab = idempotencyKey === undefined ? undefined : releasedGrabRequest(customer, idempotencyKey, code);
    return [requestOf(event), ofGrab];
  });
  return Object.fromEntries(answered.flatMap((request) => (request ? [[request.field, request.answer]] : [])));
}
