// What the server and the process of the simulated customers both need. It imports no HTTP client: the server has no use for one.

export interface Crowd {
  url: string;
  /** The API path of the coupon. */
  path: string;
  coupon: string;
  customers: number;
  /** The customers arrive spread over this time. */
  seconds: number;
  /** Part of the customers' names, so that each rehearsal has customers of its own. */
  run: string;
  /** Signs the customers' tokens, because registering and logging in thousands of them would take too long. */
  secret: string;
  /** The server refuses tokens with a longer lifetime. */
  tokenTtlSeconds: number;
}

export interface CrowdCounts {
  grabbed: number;
  refused: number;
  unknown: number;
}
export const NO_COUNTS: CrowdCounts = { grabbed: 0, refused: 0, unknown: 0 };

/** No user can have such a name: registration refuses a `~`. */
export const rehearsalCustomer = (run: string, index: number) => `~rehearsal-${run}-${index}`;
