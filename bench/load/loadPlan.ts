/** What a crowd asks for. Customers are numbered; the load process has a token for each. */
export interface Plan {
  method: 'GET' | 'PATCH' | 'POST';
  /**
   * Request i is for path (i + i div customers + offset) mod n, so that each customer goes through all of them, and no
   * (customer, path) comes twice before all have come. `{customer}` and `{i}` are replaced.
   */
  paths: string[];
  firstCustomer: number;
  customers: number;
  offset: number;
  /** Stop after so many requests, however much time there is. */
  requests?: number;
  /** A JSON body; `{i}` is replaced. */
  json?: string;
  /** Of all requests; the customers' own where absent. */
  token?: string;
}

export interface Run {
  url: string;
  connections: number;
  seconds: number;
  plan: Plan;
  /** Requests a second, sent when they are due whatever has been answered; as fast as the answers come where absent. */
  rate?: number;
  /** Tell the parent of one win in so many milliseconds. */
  sampleEveryMs?: number;
}

/** A win as the load process saw it. */
export interface Win {
  customer: string;
  path: string;
  /** Milliseconds since 1970, on the monotonic clock that processes of one machine share. */
  answeredAt: number;
}

export interface Load {
  answered: number;
  seconds: number;
  /** By `status` or `status outcome`; `error` when there was no answer. */
  outcomes: Record<string, number>;
  /** Milliseconds from when a request was sent, or due, to its answer. */
  latency: { p50: number; p99: number; p999: number };
  /** The same of each outcome. */
  latencyOf: Record<string, Load['latency']>;
  /** The first answer, to be repeated by a server that does nothing. */
  sample: { status: number; headers: Record<string, string>; body: string };
}

/** The outcome of who was turned away at once and told when to come again. */
export const SHED = '503 retry-after';

export const customerName = (place: number) => `customer-${place}`;
export const now = () => performance.timeOrigin + performance.now();

/** The value below which this share of the sorted values lies; 0 of none. */
export const percentile = (sorted: ArrayLike<number>, share: number) =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
