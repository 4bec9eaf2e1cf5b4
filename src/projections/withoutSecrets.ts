import type { DecidedEvent } from '../events.ts';

/** The text with a mask in the place of the codes and idempotency keys of these events: MySQL repeats the value of a duplicate key. */
export const withoutSecrets = (text: string, events: readonly DecidedEvent[]): string =>
  events.flatMap(secretsOf).reduce((masked, secret) => masked.replaceAll(secret, '[secret]'), text);

function secretsOf({ data }: DecidedEvent): string[] {
  const { code, idempotencyKey }: { code?: string | undefined; idempotencyKey?: string | undefined } = data;
  return [code, idempotencyKey].flatMap((secret) => secret || []);
}
