import type { Delivery } from './deliveryLog.ts';
import { headersOf, type Message } from './message.ts';
import type { Transport } from './transport.ts';

/** One request to an endpoint, and how it ended. */
export interface Attempt {
  outcome: 'taken' | 'refused' | 'gone';
  retryAfterMs: number | undefined;
  delivery: Delivery;
}

/** Sends one event. Never rejects. `secrets`: all that sign. */
export async function attempt(
  transport: Transport,
  {
    url,
    secrets,
    kind,
    message,
  }: { url: string; secrets: readonly string[]; kind: Delivery['kind']; message: Message },
): Promise<Attempt> {
  const body = JSON.stringify(message);
  const sentAt = Date.now();
  const started = performance.now();
  const { status, answer, retryAfterMs } = await transport.post(url, headersOf(message.id, body, secrets), body);
  const delivery: Delivery = {
    kind,
    eventId: message.id,
    position: 'sequence' in message ? Number(message.sequence) : null,
    type: message.type,
    subject: 'subject' in message ? message.subject : '',
    sentAt,
    tookMs: Math.round(performance.now() - started),
    status,
    answer,
  };
  return { outcome: outcomeOf(status), retryAfterMs, delivery };
}

function outcomeOf(status: number | null): Attempt['outcome'] {
  if (status !== null && status >= 200 && status < 300) return 'taken';
  // The scheme's way for a receiver to say that it wants no more.
  return status === 410 ? 'gone' : 'refused';
}
