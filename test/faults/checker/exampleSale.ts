import { type CouponEvent, eventId } from '../../../src/events.ts';
import type { Request } from '../records/requestHistory.ts';
import type { SaleRecords } from '../records/saleRecords.ts';
import { historyOf } from './couponHistory.ts';
import { expectedOf } from './expectedStores.ts';

// A tiny sale for the tests of the checker. Every request takes 5 ms, every event comes 2 ms after its request was sent, and two
// seconds pass between requests: a process remembers no refusal for that long.

const AT = 1_700_000_000_000;
const STEP_MS = 2_000;
const ID = '01890000-0000-7000-8000-000000000000';

export interface ExampleSale {
  requests: Request[];
  records: SaleRecords;
  /** When the request with this number is sent, in milliseconds since 1970. */
  atMs(id: number): number;
  send(request: Partial<Request>): Request;
  /** Appends an event to the log without a request. */
  append(type: CouponEvent['type'], data: object, more?: Partial<CouponEvent>): CouponEvent;
  /** A request and its event. */
  happen(request: Partial<Request>, type: CouponEvent['type'], data: object): void;
  event(version: number): CouponEvent;
  /** A grab of tom that wins. */
  tomWins(left?: number, request?: Partial<Request>): void;
  /** The seller sets the terms; absent limits are removed. */
  changeTerms(change: object): void;
  /** When a request is sent that comes `steps` requests later, in microseconds. */
  later(steps: number): number;
  /** Rewrites the tables, Redis and the views, so that they follow from the log. */
  letStoresFollow(): void;
}

export const refused = (outcome: Request['outcome']) => ({ outcome, status: 204 });
export const unknown = { outcome: 'unknown', status: 503 } as const;
export const terms = { stock: 5, description: 'sun' };

/**
 * A coupon of two pieces. Bob and bob have won (bob got the 201 with a retry), and eve was refused. Bob has given the piece back, and
 * eve has got it. The code of bob was redeemed, and the redemption was undone. The seller has added a piece, paused the sale, and
 * resumed it. tom was refused during the pause, and got no answer later.
 */
export function exampleSale(): ExampleSale {
  const requests: Request[] = [];
  const atMs = (id: number) => AT + id * STEP_MS;
  const records: SaleRecords = {
    log: [],
    coupons: [],
    grabs: [],
    redis: { coupons: [], codes: {}, sellerView: [], customerViews: {}, deadLetters: [] },
    drained: true,
    mismatches: [],
    stops: [{ app: 0, at: AT + 1_000, exit: 0, ms: 200 }],
    deliveries: [],
  };
  const sale: ExampleSale = {
    requests,
    records,
    atMs,
    send(more) {
      const id = requests.length;
      const invokedAt = atMs(id);
      const status = more.op === undefined || more.op === 'create' ? 201 : 200;
      const own = { id, op: 'grab', coupon: 'sea', app: 0, invokedAt, answeredAt: invokedAt + 5 } as const;
      const request: Request = { ...own, outcome: 'ok', status, ...more };
      requests.push(request);
      return request;
    },
    append(type, data, more = {}) {
      const version = records.log.length + 1;
      const common = { id: eventId(ID, version), coupon: { id: ID, seller: 'ann', name: 'sea' }, version };
      const occurredAt = (atMs(requests.length - 1) + 2) * 1_000;
      const event = { ...common, type, occurredAt, data, ...more } as CouponEvent;
      records.log.push(event);
      return event;
    },
    happen(request, type, data) {
      const { key } = sale.send(request);
      sale.append(type, { ...data, ...(key === undefined ? {} : { idempotencyKey: key }) });
    },
    event(version) {
      const event = records.log.find((event) => event.version === version);
      if (event === undefined) throw new Error(`no version ${version}`);
      return event;
    },
    tomWins(left = 0, request = {}) {
      const data = { customer: 'tom', left, code: 'T1' };
      sale.happen({ customer: 'tom', wonCode: 'T1', ...request }, 'CouponGrabbed', data);
    },
    changeTerms(change) {
      sale.happen({ op: 'change', terms: {} }, 'TermsChanged', { ...terms, left: 1, ...change });
    },
    later: (steps) => atMs(requests.length + steps) * 1_000,
    letStoresFollow() {
      const { state, rows, counts, ...inRedis } = expectedOf(historyOf(records.log));
      if (state === undefined) throw new Error('the log lacks the creation');
      const [released = 0, redeemed = 0] = counts;
      const coupon = { ...state, name: 'sea' };
      records.coupons = [coupon];
      records.grabs = rows.map((row) => ({ coupon: 'sea', ...row }));
      const held = Object.entries(inRedis.holders);
      records.redis = {
        coupons: [{ ...coupon, released, redeemed, unlogged: 0, ...inRedis }],
        codes: Object.fromEntries(rows.map(({ code, customer }) => [code, `ann/sea/${customer}`])),
        sellerView: ['sea'],
        customerViews: Object.fromEntries(
          held.map(([customer, pieces]) => [customer, pieces.map(({ code }) => `ann/sea/${code}`)]),
        ),
        deadLetters: [],
      };
    },
  };

  const { send, happen } = sale;
  happen({ op: 'create', amount: 2 }, 'CouponCreated', { amount: 2, ...terms });
  happen({ customer: 'Bob', key: 'k1', wonCode: 'B1' }, 'CouponGrabbed', { customer: 'Bob', left: 1, code: 'B1' });
  send({ customer: 'bob', key: 'k2', ...unknown });
  happen({ customer: 'bob', key: 'k2', wonCode: 'B2' }, 'CouponGrabbed', { customer: 'bob', left: 0, code: 'B2' });
  send({ customer: 'Bob', ...refused('already-grabbed') });
  send({ customer: 'eve', ...refused('sold-out') });
  const back = { customer: 'Bob', code: 'B1' };
  happen({ op: 'release', ...back }, 'GrabReleased', { ...back, grab: 2, left: 1 });
  happen({ customer: 'eve', wonCode: 'E1' }, 'CouponGrabbed', { customer: 'eve', left: 0, code: 'E1' });
  const ofBob = { customer: 'bob', grab: 3, left: 0, code: 'B2' };
  happen({ op: 'redeem', code: 'B2', key: 'k3' }, 'CouponRedeemed', ofBob);
  send({ op: 'redeem', code: 'B2', ...refused('redeemed') });
  happen({ op: 'undo', code: 'B2' }, 'RedemptionUndone', ofBob);
  happen({ op: 'restock', amount: 1, key: 'k4' }, 'CouponRestocked', { added: 1, amount: 3, left: 1 });
  happen({ op: 'pause' }, 'CouponPaused', { left: 1 });
  send({ customer: 'tom', ...refused('paused') });
  happen({ op: 'resume' }, 'CouponResumed', { left: 1 });
  send({ customer: 'tom', ...unknown });
  return sale;
}
