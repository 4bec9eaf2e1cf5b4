import type { ServerResponse } from 'node:http';
import { Counter, type Registry } from 'prom-client';

/** The numbers of streams that one process keeps open. */
export interface StreamLimits {
  total: number;
  perUser: number;
  perAddress: number;
}
/** The client for which a stream is counted. */
export interface StreamClient {
  user: string;
  address: string;
}
export type StreamLimit = 'total' | 'user' | 'address';

export interface StreamPlaces {
  /** Takes a place until the response is closed. Returns the limit that leaves no place, if there is one. */
  take(response: ServerResponse, client: StreamClient): StreamLimit | undefined;
  open(): number;
  /** The streams that got no place, by the limit that was reached. */
  refused: Readonly<Record<StreamLimit, number>>;
}

export function createStreamPlaces({ total, perUser, perAddress }: StreamLimits): StreamPlaces {
  let open = 0;
  const ofUser = new Map<string, number>();
  const ofAddress = new Map<string, number>();
  const refused = { total: 0, user: 0, address: 0 };

  const limitReached = ({ user, address }: StreamClient): StreamLimit | undefined => {
    // First the limits of the client, because it can do something about them.
    if ((ofUser.get(user) ?? 0) >= perUser) return 'user';
    if ((ofAddress.get(address) ?? 0) >= perAddress) return 'address';
    return open >= total ? 'total' : undefined;
  };
  const add = ({ user, address }: StreamClient, count: 1 | -1) => {
    open += count;
    addTo(ofUser, user, count);
    addTo(ofAddress, address, count);
  };

  return {
    take(response, client) {
      const limit = limitReached(client);
      if (limit !== undefined) {
        refused[limit]++;
        return limit;
      }
      add(client, 1);
      response.once('close', () => add(client, -1));
      return undefined;
    },
    open: () => open,
    refused,
  };
}

function addTo(counts: Map<string, number>, key: string, count: number): void {
  const sum = (counts.get(key) ?? 0) + count;
  if (sum > 0) counts.set(key, sum);
  else counts.delete(key);
}

export function registerRefusedStreams(register: Registry, refused: StreamPlaces['refused']): void {
  new Counter({
    name: 'seckill_live_listeners_refused_total',
    help: 'Streams of live figures that were refused, by the limit that was reached',
    labelNames: ['limit'],
    registers: [register],
    collect() {
      this.reset();
      for (const [limit, count] of Object.entries(refused)) this.inc({ limit }, count);
    },
  });
}
