import { Redis } from 'ioredis';
import type { ReplicationInfo } from './replicationInfo.ts';

/** A replica that takes longer to reply is looked at another time; the gate is shut meanwhile. */
const REPLICA_LIMIT_MS = 1_000;

/** Undefined when Redis refuses CONFIG, as managed servers often do. An unknown setting counts as unsafe. */
export async function readSetting(redis: Redis, name: string): Promise<string | undefined> {
  try {
    const [, value] = (await redis.config('GET', name)) as [string?, string?];
    return value;
  } catch (error) {
    if ((error as Error).name === 'ReplyError') return undefined;
    throw error;
  }
}

export interface ReplicaSettings {
  address: string;
  /** Undefined when the replica cannot be reached from here, or does not let this user read them. */
  settings: Record<string, string> | undefined;
}

/** Asks each replica of this Redis, at the address that Redis knows it by, with the login of this connection. */
export const readReplicaSettings = (
  redis: Redis,
  replicas: ReplicationInfo['replicas'],
  names: readonly string[],
): Promise<ReplicaSettings[]> =>
  Promise.all(
    replicas.map(async ({ host, port }) => ({
      address: `${host}:${port}`,
      settings: await readAll(redis, { host, port }, names).catch(() => undefined),
    })),
  );

async function readAll(
  { options: { username, password, tls } }: Redis,
  address: { host: string; port: number },
  names: readonly string[],
): Promise<Record<string, string> | undefined> {
  const replica = new Redis({
    ...address,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    connectTimeout: REPLICA_LIMIT_MS,
    commandTimeout: REPLICA_LIMIT_MS,
  });
  // The caller gets the rejection of `connect`.
  replica.on('error', () => {});
  try {
    await replica.connect();
    const values = await Promise.all(names.map((name) => readSetting(replica, name)));
    if (values.includes(undefined)) return undefined;
    return Object.fromEntries(names.map((name, place) => [name, values[place] ?? '']));
  } finally {
    replica.disconnect();
  }
}
