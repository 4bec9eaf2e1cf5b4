import { changeRefusals, refusals } from '../../../src/http/errors.ts';
import type { Answer, Command, Op, Outcome } from '../records/requestHistory.ts';

// The commands of a sale as HTTP requests, and HTTP answers as outcomes.

export interface HttpRequest {
  method: 'POST' | 'PATCH' | 'DELETE';
  path: string;
  body?: object;
  by: { name: string; kind: 'customer' | 'seller' };
}

/** Times are microseconds in a command and milliseconds in a request. */
const timesInMs = (terms: Command['terms'] = {}) =>
  Object.fromEntries(
    Object.entries(terms).map(([field, value]) => [
      field,
      typeof value === 'number' && field !== 'stock' ? value / 1_000 : value,
    ]),
  );

const newCoupon = ({ coupon, amount, perCustomer, terms }: Command) => ({
  ...{ name: coupon, amount, perCustomer, stock: 5, description: '"5" off' },
  ...timesInMs(terms),
});

export function requestOf(seller: string, command: Command): HttpRequest {
  const { op, coupon, customer = '', code = '', amount, terms, others } = command;
  const ofSeller = `/api/users/${encodeURIComponent(seller)}`;
  const name = encodeURIComponent(coupon);
  const bySeller = { name: seller, kind: 'seller' } as const;
  const byCustomer = { name: customer, kind: 'customer' } as const;
  switch (op) {
    case 'create': {
      const body = others === undefined ? newCoupon(command) : [command, ...others].map(newCoupon);
      return { method: 'POST', path: `${ofSeller}/coupons`, body, by: bySeller };
    }
    case 'grab':
      return { method: 'PATCH', path: `${ofSeller}/coupons/${name}`, by: byCustomer };
    case 'release': {
      const path = `/api/users/${encodeURIComponent(customer)}/coupons/${encodeURIComponent(seller)}/${name}`;
      return { method: 'DELETE', path: code === '' ? path : `${path}?code=${code}`, by: byCustomer };
    }
    case 'redeem':
      return { method: 'POST', path: `${ofSeller}/redemptions`, body: { code }, by: bySeller };
    case 'undo':
      return { method: 'DELETE', path: `${ofSeller}/redemptions/${code}`, by: bySeller };
    case 'restock':
      return { method: 'POST', path: `${ofSeller}/coupons/${name}/restock`, body: { amount }, by: bySeller };
    case 'change':
      return { method: 'POST', path: `${ofSeller}/coupons/${name}/terms`, body: timesInMs(terms), by: bySeller };
    case 'pause':
    case 'resume':
    case 'close':
      return { method: 'POST', path: `${ofSeller}/coupons/${name}/${op}`, by: bySeller };
    default:
      throw new Error(`no such command: ${op satisfies never}`);
  }
}

/** The refusal that a sentence of the server stands for. */
const refusalOf = new Map<unknown, Outcome>([
  ...Object.entries(changeRefusals).map(
    ([name, { body }]) => [body.errMsg, name as keyof typeof changeRefusals] as const,
  ),
  ['The code is redeemed already.', 'redeemed'],
  [refusals['duplicate-coupon'].body.errMsg, 'duplicate-coupon'],
]);

interface HttpAnswer {
  status: number;
  grabOutcome: string | undefined;
  body: { errMsg?: unknown; code?: unknown };
}

/** Every answer that the contract does not know is unknown. */
export function answerOf(op: Op, { status, grabOutcome, body }: HttpAnswer): Answer {
  if (op === 'grab' && status === 204) return { outcome: String(grabOutcome) as Outcome, status };
  if (status === (op === 'grab' || op === 'create' ? 201 : 200)) {
    // A code is grouped for reading.
    const won = op === 'grab' && typeof body.code === 'string' ? { wonCode: body.code.replaceAll('-', '') } : {};
    return { outcome: 'ok', status, ...won };
  }
  const refusal = [400, 404, 409].includes(status) ? refusalOf.get(body.errMsg) : undefined;
  return { outcome: refusal ?? 'unknown', status };
}
