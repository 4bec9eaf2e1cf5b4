import type { Patch, Sabotage } from './sabotage.ts';

// Rules that hold with replicas, on a Redis Cluster, and on several nodes of MySQL.

const grabLost = ['win-lost', 'change-lost', 'untrue-sold-out', 'redis-differs', 'untrue-already-grabbed'];

/** Used for Redis with Sentinel as well (test/cluster/sabotages.test.ts). */
export const withoutWait: Patch[] = [
  {
    file: 'src/infra/replication/replicas.ts',
    find: 'confirm: () => (needed === 0 ? undefined : confirm())',
    replace: 'confirm: () => (needed === -1 ? confirm() : undefined)',
  },
  {
    file: 'src/infra/replication/replicas.ts',
    find: /(mustBeEnough\(\) \{)\n/g,
    replace: '$1 if (needed >= 0) return;\n',
  },
];

/**
 * The replica has the fences of its master, and a promotion changes none of them. Only test/cluster/sabotages.test.ts tries it: MySQL is
 * seldom ahead of a promoted replica, since an answer waits for the replica too, so one of 25 rounds with random times noticed it.
 */
export const withFenceOfAnyNode: Patch[] = [
  {
    file: 'src/commands/includes/stands.lua',
    find: "return reconciled and string.find(redis.call('INFO', 'replication'), 'master_replid:' .. reconciled, 1, true) ~= nil",
    replace: 'return reconciled ~= false',
  },
  {
    file: 'src/infra/replication/replicationInfo.ts',
    find: 'stands: isMarked && fences.every((fence) => fence === replid)',
    replace: 'stands: (markerKey === undefined || marker !== null) && fences.every((fence) => fence !== null)',
  },
];

export const clusterSabotages: readonly Sabotage[] = [
  {
    name: 'nobody waits for replicas',
    kinds: ['cluster-all-killed'],
    noticedAs: grabLost,
    patches: withoutWait,
  },
  {
    name: 'a lease by the row lock of one node',
    kinds: ['galera-queue-at-another-node'],
    noticedAs: [...grabLost, 'gap', 'verify', 'dead-letter', 'not-drained', 'oversold'],
    patches: [
      {
        file: 'src/infra/lease.ts',
        find: 'let locked = nodes.isSingle;',
        replace: 'let locked = nodes.all.length > 0;',
      },
    ],
  },
];
