import { appFaults } from './appFaults.ts';
import { clusterFaults } from './clusterFaults.ts';
import { type FaultKind, oneOrTwoApps } from './faultKind.ts';
import { galeraFaults } from './galeraFaults.ts';
import { mysqlFaults } from './mysqlFaults.ts';
import { redisFaults } from './redisFaults.ts';
import { rollingUpgrade } from './rollingUpgrade.ts';
import { subscriberFaults } from './subscriberFaults.ts';
import { twoMachines } from './twoMachines.ts';
import { unreadDecisions } from './unreadDecisions.ts';

const none: FaultKind = { name: 'none', topology: oneOrTwoApps, inject: async () => {} };

/** Neighbours need similar topologies, so that the next round can begin at once. */
export const faultKinds: readonly FaultKind[] = [
  none,
  ...appFaults,
  ...redisFaults,
  unreadDecisions,
  ...mysqlFaults,
  twoMachines,
  rollingUpgrade,
  ...subscriberFaults,
];

const HOLDERS = 100_000;
const kindsNamed = (name: string) => faultKinds.filter((kind) => kind.name === name);

/** These take long and run only when they are named. */
export const largeFaultKinds: readonly FaultKind[] = [
  ...kindsNamed('redis-kill').map((kind) => ({ ...kind, name: 'redis-restart-100k', holders: HOLDERS })),
  ...kindsNamed('redis-empty').map((kind) => ({
    ...kind,
    name: 'redis-rebuild-100k',
    holders: HOLDERS,
    topology: () => ({}),
  })),
];

/** On a Redis Cluster, and on three nodes of Galera. */
export const clusterKinds: readonly FaultKind[] = [...clusterFaults, ...galeraFaults];

export const allKinds: readonly FaultKind[] = [...faultKinds, ...largeFaultKinds, ...clusterKinds];
