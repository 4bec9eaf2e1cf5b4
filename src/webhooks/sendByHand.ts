import { eventColumns, rowToEvent } from '../projections/log/eventRows.ts';
import { toCloudEvent } from '../subscribers/cloudEvent.ts';
import { attempt } from './attempt.ts';
import { addDelivery, type LoggedDelivery } from './deliveryLog.ts';
import { type Endpoint, secretsOfEndpoint } from './endpoints.ts';
import { createTestEvent, type Message } from './message.ts';
import type { Webhooks } from './openWebhooks.ts';

// Deliveries that a person asks for: a test, or an event again. Each is sent at once by the process that got the request, whatever the
// state of the endpoint is, and neither moves the checkpoint nor counts as a failure.

type ByHandDeps = Pick<Webhooks, 'mysql' | 'sealed' | 'transport'>;
export type ByHandResult = LoggedDelivery | 'no-such-delivery' | 'unreadable-secret';

export const sendTest = (deps: ByHandDeps, endpoint: Endpoint): Promise<ByHandResult> =>
  send(deps, endpoint, 'test', createTestEvent());

/** Sends the event of a delivery again, with the same id. A test that is sent again is a new test. */
export async function resend(
  deps: ByHandDeps,
  endpoint: Endpoint,
  { position }: LoggedDelivery,
): Promise<ByHandResult> {
  if (position === null) return sendTest(deps, endpoint);
  const [row] = await deps.mysql('event_log').where({ position }).select(eventColumns);
  if (row === undefined) return 'no-such-delivery';
  const event = rowToEvent(row);
  // The log of deliveries cannot name another seller's event, and even so none would leave.
  if (endpoint.owner !== undefined && event.coupon.seller !== endpoint.owner) return 'no-such-delivery';
  return send(deps, endpoint, 'resend', toCloudEvent(event, position));
}

async function send(
  { mysql, sealed, transport }: ByHandDeps,
  endpoint: Endpoint,
  kind: 'resend' | 'test',
  message: Message,
): Promise<ByHandResult> {
  const secrets = await secretsOfEndpoint(mysql, sealed, endpoint);
  if (secrets.length === 0) return 'unreadable-secret';
  const { delivery } = await attempt(transport, { url: endpoint.url, secrets, kind, message });
  return addDelivery(mysql, endpoint.id, delivery);
}
