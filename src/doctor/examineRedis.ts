import type { Redis } from 'ioredis';
import { readReplication } from '../infra/replication/replicationInfo.ts';
import { type ReplicaSettings, readReplicaSettings, readSetting } from '../infra/replication/serverSettings.ts';
import type { DataSet } from '../infra/shards/dataSet.ts';
import { findMissingPermissions } from '../infra/stores/redisPermissions.ts';
import { clusterSettings, safeReplicaSettings, safeSettings } from '../infra/stores/redisSafety.ts';
import { examineReplica, replicasToWrite } from './examineReplicas.ts';
import { applyChecks, type Check, type Finding, note, type Problem, unsafe } from './finding.ts';
import { isOlder } from './olderVersion.ts';

export interface RedisFacts {
  /** The fields of INFO. */
  info: Record<string, string>;
  /** Undefined where Redis does not let this user read the setting. */
  settings: Record<string, string | undefined>;
  missingPermissions: string[];
  /** Whether REDIS_URL names a Redis Cluster. */
  isOfCluster: boolean;
  replicas: ReplicaSettings[];
  /** How many of them an answer waits for; 1 unless it is set. */
  waitReplicas: number;
  /** Server processes on one machine. */
  workers: number;
}

/** Connections of a server process: commands, log-outs, live figures; and one for a moment while it starts. */
const CONNECTIONS = 4;
const OLDEST = [6, 0];
const OTHER_SETTINGS = [
  ...['maxclients', 'timeout', 'auto-aof-rewrite-percentage', 'min-replicas-to-write'],
  ...clusterSettings.map(({ name }) => name),
];

export async function examineRedis(
  redis: Redis,
  dataSet: DataSet,
  workers: number,
  waitReplicas = 1,
): Promise<Finding[]> {
  const info = Object.fromEntries(
    [...(await redis.info()).matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  const settings: RedisFacts['settings'] = {};
  for (const name of [...Object.keys(safeSettings), ...OTHER_SETTINGS]) settings[name] = await readSetting(redis, name);
  const missingPermissions = await findMissingPermissions(redis, dataSet);
  const isOfCluster = dataSet.marker === undefined;
  const { replicas: addresses } = await readReplication(redis);
  const replicas = await readReplicaSettings(redis, addresses, Object.keys(safeReplicaSettings));
  const facts = { info, settings, missingPermissions, isOfCluster, replicas, waitReplicas, workers };
  return [...applyChecks('Redis', redisChecks, facts), ...replicas.map(examineReplica)];
}

export const redisChecks: readonly Check<RedisFacts>[] = [
  {
    name: 'version',
    value: ({ info }) =>
      info.valkey_version === undefined ? `Redis ${info.redis_version}` : `Valkey ${info.valkey_version}`,
    problem: ({ info }) =>
      isOlder(info.redis_version ?? '', OLDEST)
        ? unsafe('commands that the scripts use are missing', `use Redis ${OLDEST.join('.')} or newer, or Valkey`)
        : undefined,
  },
  {
    name: 'role',
    value: ({ info }) => info.role,
    problem: ({ info }) =>
      info.role === 'master' ? undefined : unsafe('a replica takes no writes', 'let REDIS_URL name the primary'),
  },
  {
    name: 'cluster mode',
    value: ({ info }) => (info.cluster_enabled === '1' ? 'on' : 'off'),
    problem: ({ info, isOfCluster }) =>
      info.cluster_enabled === '1' && !isOfCluster
        ? unsafe('it redirects commands to other servers', 'let REDIS_URL begin with redis+cluster://')
        : undefined,
  },
  ...Object.entries(safeSettings).map(
    ([name, wanted]): Check<RedisFacts> => ({
      name,
      value: ({ settings }) => settings[name] ?? 'not readable',
      problem: ({ settings }) => unsafeSetting(name, settings[name], wanted),
    }),
  ),
  {
    name: 'append-only file',
    value: ({ info }) => `last write ${info.aof_last_write_status}, last rewrite ${info.aof_last_bgrewrite_status}`,
    problem: ({ info }) =>
      info.aof_last_write_status !== 'ok' || info.aof_last_bgrewrite_status !== 'ok'
        ? unsafe('Redis cannot write to its disk', 'look into its log, and at the space on its disk')
        : undefined,
  },
  {
    name: 'last snapshot',
    value: ({ info }) => info.rdb_last_bgsave_status,
    problem: ({ info }) =>
      info.rdb_last_bgsave_status === 'ok'
        ? undefined
        : unsafe(
            'Redis refuses every write after a snapshot that failed (stop-writes-on-bgsave-error)',
            'give its disk and its memory room, then BGSAVE; or CONFIG SET save "", since the append-only file suffices',
          ),
  },
  {
    name: 'rewrite of the append-only file',
    value: ({ settings }) => settings['auto-aof-rewrite-percentage'],
    problem: ({ settings }) =>
      settings['auto-aof-rewrite-percentage'] === '0'
        ? note('the file grows for ever, and a start reads all of it', 'CONFIG SET auto-aof-rewrite-percentage 100')
        : undefined,
  },
  {
    name: 'memory',
    value: ({ info }) =>
      `${info.used_memory_human} of ${Number(info.maxmemory) > 0 ? info.maxmemory_human : 'no limit'}`,
    problem: ({ info }) => memoryProblem(Number(info.used_memory), Number(info.maxmemory)),
  },
  {
    name: 'evicted keys',
    value: ({ info }) => info.evicted_keys,
    problem: ({ info }) =>
      info.evicted_keys === '0'
        ? undefined
        : unsafe(
            'this Redis has evicted keys since it started, and among them may be coupons',
            'set maxmemory-policy noeviction, restart Redis, then `npm run verify`',
          ),
  },
  {
    name: 'clients',
    value: ({ info, settings }) => `${info.connected_clients} of ${settings.maxclients ?? 'an unknown number'}`,
    problem: ({ settings, workers }) =>
      settings.maxclients !== undefined && Number(settings.maxclients) < workers * CONNECTIONS
        ? unsafe(
            `${workers} server processes need ${workers * CONNECTIONS} connections`,
            `CONFIG SET maxclients ${workers * CONNECTIONS + 100}`,
          )
        : undefined,
  },
  {
    name: 'idle clients',
    value: ({ settings }) => idleTime(settings.timeout),
    problem: ({ settings }) =>
      settings.timeout !== undefined && Number(settings.timeout) > 0 && Number(settings.timeout) < 10
        ? note('a connection that is closed while idle shuts the gate for a moment', 'CONFIG SET timeout 0')
        : undefined,
  },
  {
    name: 'replicas that must confirm',
    value: ({ settings }) => settings['min-replicas-to-write'],
    problem: ({ settings, replicas, waitReplicas }) =>
      replicasToWrite(Number(settings['min-replicas-to-write'] ?? 0), replicas.length, waitReplicas),
  },
  ...clusterSettings.map(
    ({ name, wanted, why }): Check<RedisFacts> => ({
      name,
      value: ({ info, settings }) => (info.cluster_enabled === '1' ? settings[name] : undefined),
      problem: ({ settings }) => (settings[name] === wanted ? undefined : note(why, `CONFIG SET ${name} ${wanted}`)),
    }),
  ),
  {
    name: 'permissions',
    value: ({ missingPermissions }) =>
      missingPermissions.length === 0 ? 'all that are needed' : `without ${missingPermissions.join(', ')}`,
    problem: ({ missingPermissions }) =>
      missingPermissions.length === 0
        ? undefined
        : unsafe('the server refuses to start', 'docs/OPERATIONS.md has the ACL SETUSER that suffices'),
  },
];

function unsafeSetting(name: string, value: string | undefined, wanted: string): Problem | undefined {
  if (value === wanted) return undefined;
  if (value === undefined)
    return unsafe(
      'the server refuses to start, because it cannot see whether Redis keeps what it acknowledges',
      'allow CONFIG GET; where a managed service has none, read its settings in its console (docs/STORES.md)',
    );
  return unsafe(
    'this Redis may lose or evict grabs that it has acknowledged, and the server refuses to start',
    `CONFIG SET ${name} ${wanted}, and the same in its configuration file`,
  );
}

function memoryProblem(used: number, limit: number): Problem | undefined {
  if (limit === 0)
    return note('when the memory of the machine is full, the kernel kills Redis', 'set maxmemory (docs/OPERATIONS.md)');
  return used > 0.8 * limit
    ? unsafe(
        'when the memory is full, every grab is answered 503',
        'raise maxmemory (docs/OPERATIONS.md has the sizes)',
      )
    : undefined;
}

function idleTime(timeout: string | undefined): string | undefined {
  if (timeout === undefined) return undefined;
  return timeout === '0' ? 'stay connected' : `disconnected after ${timeout} s`;
}
