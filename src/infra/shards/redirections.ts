import type { Redis } from 'ioredis';
import { Unavailable } from '../../unavailable.ts';

/**
 * Replies of a node that has not carried out the command, because another one has its key, or because the cluster is being changed. The
 * command is not sent again: its client gets 503 and does so itself.
 */
const REDIRECTIONS = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|MASTERDOWN) /;

/** Turns these replies into Unavailable, and calls `onRedirected` for each. */
export function sendsOnceToOwner(redis: Redis, onRedirected: () => void): void {
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (command, stream) => {
    const sent: unknown = send(command, stream);
    // A pipeline reads the replies of its commands itself.
    if (!(sent instanceof Promise)) return sent;
    const replied = sent.catch((error: Error) => {
      const [, kind] = REDIRECTIONS.exec(error.message) ?? [];
      if (kind === undefined) throw error;
      onRedirected();
      throw new Unavailable(`the Redis Cluster is being changed (${kind})`);
    });
    // The client itself sends commands whose promise it does not look at.
    replied.catch(() => {});
    return replied;
  };
}
