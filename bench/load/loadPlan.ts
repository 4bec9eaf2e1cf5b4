/** The requests of a load. Customers are numbered; the load process has a token for each of them. */
export interface LoadPlan {
  method: 'GET' | 'PATCH' | 'POST';
  /**
   * Request i has the path (i + i div customers + offset) mod n. So each customer goes through all paths, and no (customer,
   * path) repeats before all have come. `{customer}` and `{i}` are replaced.
   */
  paths: string[];
  firstCustomer: number;
  customers: number;
  offset: number;
  /** Stop after this many requests, even if time is left. */
  requests?: number;
  /** A JSON body; `{i}` is replaced. */
  json?: string;
  /** The token of all requests; without it, each request has the token of its customer. */
  token?: string;
  /** The customers are users of the identity provider. */
  ofProvider?: boolean;
}

export interface LoadRun {
  url: string;
  connections: number;
  seconds: number;
  plan: LoadPlan;
  /** Requests a second, each sent when it is due. Without it, each connection sends its next request after the answer. */
  rate?: number;
  /** Notify the parent of one win in this many milliseconds. */
  sampleEveryMs?: number;
}

/** A win as the load process saw it. */
export interface WinSample {
  customer: string;
  path: string;
  /** Milliseconds of `nowMs`. */
  answeredAt: number;
}

export interface LoadResult {
  answered: number;
  seconds: number;
  /** Counts by `status` or `status outcome`; `error` when the connection ended without an answer. */
  outcomes: Record<string, number>;
  /** Milliseconds from when a request was sent, or due, to its answer. */
  latency: { p50: number; p99: number; p999: number };
  /** The latency by outcome. */
  latencyOf: Record<string, LoadResult['latency']>;
  /** The first answer, which the bare server then repeats. */
  sample: { status: number; headers: Record<string, string>; body: string };
}

/** The outcome of a request that was refused because of overload: 503 with `Retry-After`. */
export const SHED = '503 retry-after';

export const customerName = (place: number) => `customer-${place}`;
/** The name of the user of the identity provider with this subject. */
export const providerName = (subject: string) => `oidc:${subject}`;
/** Milliseconds since 1970, on the monotonic clock that the processes of one machine share. */
export const nowMs = () => performance.timeOrigin + performance.now();
