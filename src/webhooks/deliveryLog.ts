import type { Mysql } from '../infra/stores/mysql.ts';
import type { Log } from '../infra/telemetry/log.ts';

/** The last deliveries that are kept of each endpoint. */
const KEPT = 200;
/** After so many rows of an endpoint, the older ones are deleted. */
const TRIM_EVERY = 50;

export interface Delivery {
  kind: 'event' | 'resend' | 'test';
  eventId: string;
  /** Null for a test. */
  position: number | null;
  type: string;
  subject: string;
  /** Milliseconds since 1970. */
  sentAt: number;
  tookMs: number;
  /** Null: no answer. */
  status: number | null;
  answer: string;
}
export type LoggedDelivery = Delivery & { id: number };

/** Gathers the deliveries of many endpoints, and writes them together. */
export interface DeliveryLog {
  note(webhookId: string, delivery: Delivery): void;
  /** Never rejects: a log that cannot be written does not stop a delivery. */
  flush(): Promise<void>;
  /**
   * Deletes the deliveries of endpoints that no longer exist: a request that was under way when its endpoint was deleted is logged after
   * that. Rejects when MySQL fails.
   */
  deleteLeftOver(): Promise<void>;
}

export function createDeliveryLog(mysql: Mysql, log: Log): DeliveryLog {
  let gathered = new Map<string, Delivery[]>();
  const written = new Map<string, number>();
  const write = async (id: string, deliveries: readonly Delivery[]) => {
    await mysql('webhook_deliveries').insert(deliveries.map((delivery) => toRow(id, delivery)));
    const count = (written.get(id) ?? TRIM_EVERY) + deliveries.length;
    if (count >= TRIM_EVERY) await trim(mysql, id);
    written.set(id, count >= TRIM_EVERY ? 0 : count);
  };
  return {
    note(webhookId, delivery) {
      const deliveries = gathered.get(webhookId) ?? [];
      deliveries.push(delivery);
      // The older ones would be deleted at once.
      if (deliveries.length > KEPT) deliveries.shift();
      gathered.set(webhookId, deliveries);
    },
    async flush() {
      const batch = gathered;
      gathered = new Map();
      try {
        for (const [id, deliveries] of batch) await write(id, deliveries);
      } catch (err) {
        log.warn({ err }, 'writing the log of deliveries failed');
      }
    },
    async deleteLeftOver() {
      await mysql('webhook_deliveries').whereNotIn('webhook_id', mysql('webhooks').select('id')).delete();
      // The counts of deleted endpoints go, too. The others are trimmed once more than necessary.
      written.clear();
    },
  };
}

export async function addDelivery(mysql: Mysql, webhookId: string, delivery: Delivery): Promise<LoggedDelivery> {
  const [id = 0] = await mysql('webhook_deliveries').insert(toRow(webhookId, delivery));
  await trim(mysql, webhookId);
  return { id, ...delivery };
}

/** The newest first. `before`: only those before this one. */
export async function listDeliveries(
  mysql: Mysql,
  webhookId: string,
  { before, limit }: { before?: number | undefined; limit: number },
): Promise<LoggedDelivery[]> {
  const rows = await mysql('webhook_deliveries')
    .where({ webhook_id: webhookId })
    .andWhere((query) => {
      if (before !== undefined) query.where('id', '<', before);
    })
    .orderBy('id', 'desc')
    .limit(limit);
  return rows.map(toDelivery);
}

export async function findDelivery(mysql: Mysql, webhookId: string, id: number): Promise<LoggedDelivery | undefined> {
  const [row] = await mysql('webhook_deliveries').where({ webhook_id: webhookId, id });
  return row === undefined ? undefined : toDelivery(row);
}

async function trim(mysql: Mysql, webhookId: string): Promise<void> {
  const [oldest] = await mysql('webhook_deliveries')
    .where({ webhook_id: webhookId })
    .orderBy('id', 'desc')
    .offset(KEPT)
    .limit(1)
    .select('id');
  if (oldest !== undefined)
    await mysql('webhook_deliveries').where({ webhook_id: webhookId }).andWhere('id', '<=', oldest.id).delete();
}

const toRow = (webhookId: string, { eventId, sentAt, tookMs, ...same }: Delivery) => ({
  webhook_id: webhookId,
  event_id: eventId,
  sent_at: sentAt,
  took_ms: tookMs,
  ...same,
});

const toDelivery = (row: Record<string, unknown>): LoggedDelivery => ({
  id: Number(row.id),
  kind: row.kind as Delivery['kind'],
  eventId: String(row.event_id),
  position: row.position === null ? null : Number(row.position),
  type: String(row.type),
  subject: String(row.subject),
  sentAt: Number(row.sent_at),
  tookMs: Number(row.took_ms),
  status: row.status === null ? null : Number(row.status),
  answer: String(row.answer),
});
