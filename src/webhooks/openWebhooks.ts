import { setTimeout as sleep } from 'node:timers/promises';
import { type Closer, openAll } from '../infra/closers.ts';
import { type MysqlAddress, nodesOf } from '../infra/failover/nodes.ts';
import { connectMysql, type Mysql } from '../infra/stores/mysql.ts';
import { isDuplicate } from '../infra/stores/mysqlErrors.ts';
import type { Log } from '../infra/telemetry/log.ts';
import { lastPosition } from '../projections/log/readLog.ts';
import type { Horizon } from '../subscribers/horizon.ts';
import { workUnderLease } from '../subscribers/subscriptionLease.ts';
import { Unavailable } from '../unavailable.ts';
import { type AddressRules, refusalOfUrl, type UrlRefusal } from './addresses.ts';
import { createDeliveryLog } from './deliveryLog.ts';
import type { Owner } from './endpoints.ts';
import { runWebhooks } from './runWebhooks.ts';
import { createSealedSecrets, type SealedSecrets } from './sealedSecrets.ts';
import { createSlots } from './slots.ts';
import type { Transport, TransportSettings } from './transport.ts';
import type { WebhookWatch } from './webhookMetrics.ts';

/** One lease for all endpoints: with one for each, every process would need a connection for each. */
const LEASE = 'webhooks';
const CONNECTIONS = 4;
/** Requests under way at once, for endpoints that work, and for those that fail or are slow; endpoints that read a page at once. */
const PLACES = { fast: 256, slow: 64, reads: 8 };
/** Tests and resends under way at once. */
const BY_HAND = { all: 50, ofOwner: 2 };
/** How long a stop waits for requests under way. */
const STOP_MS = 2_000;

export interface WebhookSettings extends TransportSettings {
  /** Encrypts the secrets of endpoints; one, or several separated by commas. */
  key: string;
  perSeller: number;
}

/** What the routes need. */
export interface Webhooks {
  mysql: Mysql;
  sealed: SealedSecrets;
  transport: Transport;
  perSeller: number;
  refusalOf(url: string): UrlRefusal | undefined;
  /** Where a new endpoint begins: with the events from now on. Throws Unavailable when MySQL does not answer. */
  startPosition(): Promise<number>;
  /** Runs a test or a resend. Undefined when too many are under way, in all or of this owner. */
  byHand<T>(owner: Owner, work: () => Promise<T>): Promise<T | undefined>;
}

interface Deps {
  mysqlUrl: MysqlAddress;
  horizon: Horizon;
  watch: WebhookWatch;
  log: Log;
}

/** Delivers to the endpoints whenever no other process does. */
export const openWebhooks = (settings: WebhookSettings, { mysqlUrl, horizon, watch, log }: Deps) =>
  openAll(async (remember) => {
    const { mysql, close: closeMysql } = connectMysql(mysqlUrl, CONNECTIONS);
    remember(closeMysql);
    const { nodes, close: closeNodes } = nodesOf(mysqlUrl);
    remember(closeNodes);
    const { mysql: leaseMysql, close: closeLease } = connectMysql(nodes, 1);
    remember(closeLease);
    await createLease(mysql);
    const { transport, close: closeTransport } = openWhenUsed(settings);
    let isClosed = false;
    const endRequests = async () => {
      if (!isClosed) await closeTransport();
      isClosed = true;
    };
    remember(endRequests);
    const sealed = createSealedSecrets(settings.key);
    const deliveries = createDeliveryLog(mysql, log);
    const slots = {
      fast: createSlots(PLACES.fast),
      slow: createSlots(PLACES.slow),
      reads: createSlots(PLACES.reads),
    };
    const stop = new AbortController();
    const working = workUnderLease({ mysql: leaseMysql, nodes, name: LEASE, signal: stop.signal, log }, (held) => {
      const deps = { mysql, horizon, transport, sealed, deliveries, watch, slots, confirm: held.confirm, log };
      return runWebhooks(deps, held);
    });
    remember(async () => {
      stop.abort();
      await Promise.race([working, sleep(STOP_MS, undefined, { ref: false })]);
      await endRequests();
      await working;
    });
    return { webhooks: createWebhooks(settings, { mysql, sealed, transport, horizon }) };
  });

/** Loads the HTTP client with the first request: most processes deliver nothing, and a start should be fast. */
function openWhenUsed(settings: TransportSettings): { transport: Transport; close: Closer } {
  let opened: Promise<{ transport: Transport; close: Closer }> | undefined;
  const open = async () => (await import('./transport.ts')).openTransport(settings);
  return {
    transport: {
      async post(url, headers, body) {
        opened ??= open();
        return (await opened).transport.post(url, headers, body);
      },
    },
    close: async () => (await opened)?.close(),
  };
}

function createWebhooks(
  settings: AddressRules & { perSeller: number },
  { mysql, sealed, transport, horizon }: Pick<Webhooks, 'mysql' | 'sealed' | 'transport'> & { horizon: Horizon },
): Webhooks {
  const byHand: Owner[] = [];
  return {
    mysql,
    sealed,
    transport,
    perSeller: settings.perSeller,
    refusalOf: (url) => refusalOfUrl(url, settings),
    async startPosition() {
      const position = await horizon.next();
      // Until the first pause of the projection succeeds, nothing is known of a log that is not empty.
      if (position === 0 && (await lastPosition(async (statement) => (await mysql.raw(statement))[0])) > 0)
        throw new Unavailable('the end of the event log is not known yet');
      return position;
    },
    async byHand(owner, work) {
      const ofOwner = byHand.filter((other) => other === owner).length;
      if (byHand.length >= BY_HAND.all || ofOwner >= BY_HAND.ofOwner) return undefined;
      byHand.push(owner);
      try {
        return await work();
      } finally {
        byHand.splice(byHand.indexOf(owner), 1);
      }
    },
  };
}

async function createLease(mysql: Mysql): Promise<void> {
  const [found] = await mysql('subscription_leases').where({ name: LEASE });
  if (found !== undefined) return;
  await mysql('subscription_leases')
    .insert({ name: LEASE })
    .catch((error) => {
      if (!isDuplicate(error)) throw error;
    });
}
