import type { HeldPieces } from '../../../src/coupon/decide.ts';
import { evolvePiece, grabOf, type Piece } from '../../../src/coupon/pieces.ts';
import { type CouponState, evolve } from '../../../src/coupon/state.ts';
import type { CouponEvent } from '../../../src/events.ts';

/** What the log says of one coupon after each of its events. A log with faults has a history too: what cannot happen changes nothing. */
export interface CouponHistory {
  /** In the order of their versions. */
  events: readonly CouponEvent[];
  /** When each event took effect, in microseconds since 1970; never before the event in front of it. */
  times: readonly number[];
  /** The state after the first `count` events; undefined before the creation. */
  stateAfter(count: number): CouponState | undefined;
  piecesAfter(count: number): HeldPieces;
  /** The number of pieces that customers hold after the first `count` events. */
  heldAfter(count: number): number;
  /** How many events had taken effect at this time. */
  countAt(time: number): number;
  /** Every piece that was grabbed, by the version of its grab, as it is at the end; undefined if it was given back. */
  pieces: ReadonlyMap<number, Piece | undefined>;
}

/** The states of one piece, each with the number of events after which it holds. */
type PieceStates = { since: number; piece: Piece | undefined }[];

export function historyOf(log: readonly CouponEvent[]): CouponHistory {
  const events = log.toSorted((a, b) => a.version - b.version);
  const states: (CouponState | undefined)[] = [undefined];
  const held = [0];
  const byGrab = new Map<number, PieceStates>();
  const byCustomer = new Map<string, PieceStates[]>();
  const byCode = new Map<string, PieceStates[]>();
  for (const [place, event] of events.entries()) {
    const state = states[place];
    states.push(state === undefined && event.type !== 'CouponCreated' ? undefined : evolve(state, event));
    held.push((held[place] ?? 0) + takePiece(event, place + 1));
  }

  function takePiece(event: CouponEvent, since: number): number {
    const grab = grabOf(event);
    if (grab === undefined) return 0;
    const piece = event.type === 'CouponGrabbed' ? undefined : byGrab.get(grab)?.at(-1)?.piece;
    if (event.type !== 'CouponGrabbed') {
      if (piece === undefined) return 0;
      byGrab.get(grab)?.push({ since, piece: evolvePiece(piece, event) });
      return event.type === 'GrabReleased' ? -1 : 0;
    }
    const { customer, code = '' } = event.data;
    const pieceStates = [{ since, piece: evolvePiece(undefined, event) }];
    byGrab.set(grab, pieceStates);
    byCustomer.set(customer, [...(byCustomer.get(customer) ?? []), pieceStates]);
    byCode.set(code, [...(byCode.get(code) ?? []), pieceStates]);
    return 1;
  }

  const times = events.map(({ occurredAt }) => occurredAt);
  // A recount is written long after the versions between which it stands.
  for (let place = times.length - 2; place >= 0; place--)
    times[place] = Math.min(times[place] ?? 0, times[place + 1] ?? 0);
  const heldBy = (lists: PieceStates[] | undefined, count: number) =>
    (lists ?? []).flatMap((list) => list.findLast(({ since }) => since <= count)?.piece ?? []);
  return {
    events,
    times,
    stateAfter: (count) => states[count],
    piecesAfter: (count) => ({
      of: (customer) => heldBy(byCustomer.get(customer), count),
      withCode: (code) => heldBy(byCode.get(code), count)[0],
    }),
    heldAfter: (count) => held[count] ?? 0,
    countAt(time) {
      let [from, to] = [0, times.length];
      while (from < to) {
        const middle = (from + to) >> 1;
        if ((times[middle] ?? 0) <= time) from = middle + 1;
        else to = middle;
      }
      return from;
    },
    pieces: new Map([...byGrab].map(([grab, list]) => [grab, list.at(-1)?.piece])),
  };
}
