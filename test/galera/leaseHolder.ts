import { nodesOf } from '../../src/infra/failover/nodes.ts';
import { openLease } from '../../src/infra/lease.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { workUnderLease } from '../../src/subscribers/subscriptionLease.ts';

// A process that takes a lease, prints `held`, and keeps it until it ends: the shared lease, or that of the subscription of this name.

const [url = '', subscription] = process.argv.slice(2);
const log = createLog('silent');
const { nodes } = nodesOf(url);
const forEver = new Promise<void>(() => {});
// A promise alone does not keep the process running.
setInterval(() => {}, 60_000);

if (subscription === undefined) {
  await openLease(nodes, log).lease.share();
  console.log('held');
} else {
  const { mysql } = connectMysql(nodes, 1);
  const { signal } = new AbortController();
  await workUnderLease({ mysql, nodes, name: subscription, signal, log }, () => {
    console.log('held');
    return forEver;
  });
}
