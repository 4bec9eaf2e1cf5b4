import type { Mysql } from '../infra/stores/mysql.ts';
import type { Log } from '../infra/telemetry/log.ts';
import type { Horizon } from '../subscribers/horizon.ts';
import type { Held } from '../subscribers/subscriptionLease.ts';
import type { DeliveryLog } from './deliveryLog.ts';
import type { SealedSecrets } from './sealedSecrets.ts';
import type { Slots } from './slots.ts';
import type { Transport } from './transport.ts';
import type { WebhookWatch } from './webhookMetrics.ts';

/** What the deliveries to endpoints need. */
export interface WebhookDeps {
  mysql: Mysql;
  horizon: Horizon;
  transport: Transport;
  sealed: SealedSecrets;
  deliveries: DeliveryLog;
  watch: WebhookWatch;
  /** Of all endpoints: requests under way, where those that fail or are slow have places of their own, and pages that are read. */
  slots: { fast: Slots; slow: Slots; reads: Slots };
  confirm: Held['confirm'];
  log: Log;
}
