import { closeSync, openSync, writeSync } from 'node:fs';
import type { CouponCommand, Refusal, TermsChange } from '../../../src/coupon/decide.ts';

// The requests of a sale and their answers, recorded outside the system, where no fault reaches them.

export type Op = 'create' | CouponCommand['type'];

/** What the client knows. `unsent`: no process listened, so nothing was sent. `unknown`: no answer of the script arrived. */
export type Outcome = 'ok' | 'unknown' | 'unsent' | 'duplicate-coupon' | Refusal;

/** What a client asks for. */
export interface Command {
  op: Op;
  coupon: string;
  /** The customer of a grab or a release. */
  customer?: string;
  /** The code that is redeemed, undone or given back. A release may have none. */
  code?: string;
  /** Pieces of a new coupon, or pieces that a restock adds. */
  amount?: number;
  perCustomer?: number;
  /** The limits of a new coupon, or the terms that change; times in microseconds since 1970. */
  terms?: TermsChange;
  /** Coupons that a creation creates together with its own one: all of them or none. */
  others?: readonly Command[];
}

export interface Request extends Command {
  id: number;
  /** The Idempotency-Key that was sent. */
  key?: string;
  /** Number of the application process. */
  app: number;
  /** Milliseconds since 1970, before the request was sent. */
  invokedAt: number;
  /** Absent until the request has ended. */
  answeredAt?: number;
  outcome: Outcome;
  /** HTTP status; 0 when the connection broke or the client gave up. */
  status: number;
  /** The code in the 201 of a grab. */
  wonCode?: string;
  /** The id of the request with several creations that this creation was a part of. */
  batch?: number;
}

/** The requests with a creation for each coupon: a request that creates several coupons stands as several requests. */
export const eachCreation = (requests: readonly Request[]): Request[] =>
  requests.flatMap(({ others, ...request }) =>
    others === undefined ? [request] : [request, ...others].map((one) => ({ ...request, ...one, batch: request.id })),
  );

export interface Answer {
  outcome: Outcome;
  status: number;
  wonCode?: string;
}
type Invocation = Command & Pick<Request, 'key' | 'app'>;

export interface RequestHistory {
  requests: readonly Request[];
  /** Writes the request to the file before it returns. Until `answered`, the outcome is unknown. */
  invoked(invocation: Invocation): Request;
  answered(request: Request, answer: Answer): void;
  close(): void;
}

/** An append-only file of JSON lines: one for each request, one for each answer. */
export function openHistory(file: string): RequestHistory {
  const descriptor = openSync(file, 'ax', 0o600);
  const append = (line: object) => writeSync(descriptor, `${JSON.stringify(line)}\n`);
  const requests: Request[] = [];
  return {
    requests,
    invoked(invocation) {
      const request: Request = {
        id: requests.length,
        ...invocation,
        invokedAt: Date.now(),
        outcome: 'unknown',
        status: 0,
      };
      append(request);
      requests.push(request);
      return request;
    },
    answered(request, answer) {
      Object.assign(request, { answeredAt: Date.now(), ...answer });
      append({ id: request.id, answeredAt: request.answeredAt, ...answer });
    },
    close: () => closeSync(descriptor),
  };
}
