import { type Closer, openAll } from '../infra/closers.ts';
import { type MysqlAddress, nodesOf } from '../infra/failover/nodes.ts';
import { connectMysql } from '../infra/stores/mysql.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { NewerReleases } from '../infra/telemetry/newerReleases.ts';
import { createCheckpoint } from './checkpoints.ts';
import type { Horizon } from './horizon.ts';
import type { Receiver } from './receiver.ts';
import { runSubscription } from './runSubscription.ts';
import { workUnderLease } from './subscriptionLease.ts';
import type { SubscriptionWatch } from './subscriptionMetrics.ts';

export interface SubscriptionDeps {
  mysqlUrl: MysqlAddress;
  horizon: Horizon;
  watchOf: (name: string) => SubscriptionWatch;
  newerReleases: NewerReleases;
  log: Log;
}

/**
 * Works for a subscription whenever no other process does. Its connections are its own, so that a receiver that hangs stops nothing but
 * its own subscription. `openReceiver` connects to nothing yet: a receiver that is down must not keep the server from starting.
 */
export const openSubscription = (
  name: string,
  openReceiver: () => { receiver: Receiver; close: Closer },
  { mysqlUrl, horizon, watchOf, newerReleases, log }: SubscriptionDeps,
) =>
  openAll(async (remember) => {
    const { mysql, close: closeMysql } = connectMysql(mysqlUrl, 1);
    remember(closeMysql);
    const { nodes, close: closeNodes } = nodesOf(mysqlUrl);
    remember(closeNodes);
    const { mysql: leaseMysql, close: closeLease } = connectMysql(nodes, 1);
    remember(closeLease);
    await createCheckpoint(mysql, name);
    const { receiver, close: closeReceiver } = openReceiver();
    remember(closeReceiver);
    const stop = new AbortController();
    const subscription = { name, receiver, mysql, horizon, watch: watchOf(name), log };
    const working = workUnderLease({ mysql: leaseMysql, nodes, name, signal: stop.signal, log }, (held) =>
      // The failure releases the lease, so that a process of the newer release gets it.
      runSubscription(subscription, held).catch((error) => {
        newerReleases.note(`subscription ${name}`, error);
        throw error;
      }),
    );
    remember(() => {
      stop.abort();
      return working;
    });
    return {};
  });
