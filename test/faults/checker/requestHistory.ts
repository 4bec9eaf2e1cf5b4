import { closeSync, openSync, writeSync } from 'node:fs';

// The requests of a sale and their answers, recorded outside the system, where no fault reaches them.

export type Refusal = 'sold-out' | 'already-grabbed' | 'no-such-coupon';

/** What the client knows. `unsent`: no process listened, so nothing was sent. `unknown`: no answer of the script arrived. */
export type Outcome = 'ok' | 'unknown' | 'unsent' | Refusal;

export interface Request {
  id: number;
  op: 'create' | 'grab';
  /** Absent when a coupon is created. */
  customer?: string;
  coupon: string;
  /** Pieces, when a coupon is created. */
  amount?: number;
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
}
type Invocation = Omit<Request, 'id' | 'invokedAt' | 'outcome' | 'status' | 'answeredAt'>;

export interface RequestHistory {
  requests: readonly Request[];
  /** Writes the request to the file before it returns. Until `answered`, the outcome is unknown. */
  invoked(invocation: Invocation): Request;
  answered(request: Request, outcome: Outcome, status: number): void;
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
    answered(request, outcome, status) {
      Object.assign(request, { answeredAt: Date.now(), outcome, status });
      append({ id: request.id, answeredAt: request.answeredAt, outcome, status });
    },
    close: () => closeSync(descriptor),
  };
}
