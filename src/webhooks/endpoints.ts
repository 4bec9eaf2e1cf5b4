import { v7 as uuidv7 } from 'uuid';
import type { Mysql } from '../infra/stores/mysql.ts';
import type { SealedSecrets } from './sealedSecrets.ts';

// The endpoints in MySQL. The checkpoint of each is a row of `subscriptions`, so `npm run subscribers` shows it too.

/** After a rotation the old secret signs beside the new one for so long. */
const PREVIOUS_SECRET_MS = 86_400_000;
/** Endpoints of all sellers together. */
const MAX_ENDPOINTS = 10_000;

export type EndpointState = 'active' | 'paused' | 'disabled';

/** Undefined: the operator, whose endpoints get the events of all sellers. */
export type Owner = string | undefined;

export interface Endpoint {
  id: string;
  owner: Owner;
  url: string;
  state: EndpointState;
  /** Why it is disabled. */
  reason: string | null;
  /** Milliseconds since 1970. */
  failingSince: number | null;
  createdAt: number;
  /** Events up to this position are delivered. */
  position: number;
  /** Attempts that failed since the checkpoint last moved. */
  failures: number;
  error: string | null;
  secret: Buffer;
  previousSecret: Buffer | null;
  previousUntil: number | null;
}

export const checkpointName = (id: string) => `webhook:${id}`;

const columns = [
  'w.id',
  'w.owner',
  'w.url',
  'w.state',
  'w.reason',
  'w.failing_since',
  'w.created_at',
  'w.secret',
  'w.previous_secret',
  'w.previous_until',
  's.position',
  's.failures',
  's.error',
] as const;

/** The oldest first. */
const select = (mysql: Mysql) =>
  mysql('webhooks as w')
    .join('subscriptions as s', 's.name', mysql.raw("CONCAT('webhook:', w.id)"))
    .select(columns)
    .orderBy('w.id');

const ownedBy = (owner: Owner) => ({ 'w.owner': owner ?? null });

export const listEndpoints = async (mysql: Mysql, owner: Owner): Promise<Endpoint[]> =>
  (await select(mysql).where(ownedBy(owner))).map(toEndpoint);

export async function findEndpoint(mysql: Mysql, owner: Owner, id: string): Promise<Endpoint | undefined> {
  const [row] = await select(mysql).where({ ...ownedBy(owner), 'w.id': id });
  return row === undefined ? undefined : toEndpoint(row);
}

export const activeEndpoints = async (mysql: Mysql): Promise<Endpoint[]> =>
  (await select(mysql).where({ 'w.state': 'active' })).map(toEndpoint);

export const allEndpoints = async (mysql: Mysql): Promise<Endpoint[]> => (await select(mysql)).map(toEndpoint);

export async function readEndpoint(mysql: Mysql, id: string): Promise<Endpoint | undefined> {
  const [row] = await select(mysql).where({ 'w.id': id });
  return row === undefined ? undefined : toEndpoint(row);
}

export async function countByState(mysql: Mysql): Promise<Record<EndpointState, number>> {
  const counts = { active: 0, paused: 0, disabled: 0 };
  const [rows] = await mysql.raw('SELECT state, COUNT(*) AS count FROM webhooks GROUP BY state');
  for (const { state, count } of rows) counts[state as EndpointState] = Number(count);
  return counts;
}

interface NewEndpoint {
  owner: Owner;
  url: string;
  /** The endpoint gets the events after it. */
  position: number;
  /** How many endpoints the owner may have. */
  limit: number;
}

/** Resolves to the endpoint and its secret, which no request can read later. */
export async function createEndpoint(
  mysql: Mysql,
  sealed: SealedSecrets,
  { owner, url, position, limit }: NewEndpoint,
): Promise<{ endpoint: Endpoint; secret: string } | 'too-many-webhooks'> {
  const id = uuidv7();
  const secret = sealed.create();
  await mysql.transaction(async (trx) => {
    await trx('subscriptions').insert({ name: checkpointName(id), position });
    const sealedSecret = sealed.seal(secret, id);
    await trx('webhooks').insert({ id, owner: owner ?? null, url, secret: sealedSecret, created_at: Date.now() });
  });
  // Counted after the insert: of several requests that arrive together, none may find room that another one has taken.
  const [own] = await mysql('webhooks as w').where(ownedBy(owner)).count({ count: '*' });
  const [all] = await mysql('webhooks').count({ count: '*' });
  if (Number(own?.count) > limit || Number(all?.count) > MAX_ENDPOINTS) {
    await deleteEndpoint(mysql, id);
    return 'too-many-webhooks';
  }
  const endpoint = await readEndpoint(mysql, id);
  if (endpoint === undefined) throw new Error('the endpoint was deleted while it was created');
  return { endpoint, secret };
}

export async function deleteEndpoint(mysql: Mysql, id: string): Promise<void> {
  await mysql.transaction(async (trx) => {
    await trx('webhooks').where({ id }).delete();
    await trx('subscriptions')
      .where({ name: checkpointName(id) })
      .delete();
    await trx('webhook_deliveries').where({ webhook_id: id }).delete();
  });
}

export async function deleteEndpointsOf(mysql: Mysql, owner: string): Promise<void> {
  for (const { id } of await listEndpoints(mysql, owner)) await deleteEndpoint(mysql, id);
}

/** Another URL. What has failed at the old one says nothing about the new one. */
export async function moveEndpoint(mysql: Mysql, id: string, url: string): Promise<void> {
  await mysql('webhooks').where({ id }).update({ url, failing_since: null });
  await mysql('subscriptions')
    .where({ name: checkpointName(id) })
    .update({ failures: 0, error: null });
}

export async function pauseEndpoint(mysql: Mysql, id: string): Promise<void> {
  await mysql('webhooks').where({ id, state: 'active' }).update({ state: 'paused' });
}

/** Deliveries go on where they stood, whether the endpoint was paused or disabled. */
export async function resumeEndpoint(mysql: Mysql, id: string): Promise<void> {
  await mysql('webhooks').where({ id }).update({ state: 'active', reason: null, failing_since: null });
  await mysql('subscriptions')
    .where({ name: checkpointName(id) })
    .update({ failures: 0, error: null });
}

/** False: another request has disabled, paused or deleted it meanwhile. */
export async function disableEndpoint(mysql: Mysql, id: string, reason: string): Promise<boolean> {
  return (await mysql('webhooks').where({ id, state: 'active' }).update({ state: 'disabled', reason })) > 0;
}

/** Resolves to the new secret. */
export async function rotateSecret(mysql: Mysql, sealed: SealedSecrets, id: string): Promise<string> {
  const secret = sealed.create();
  // MySQL assigns from left to right, so `previous_secret` gets the old value.
  await mysql.raw('UPDATE webhooks SET previous_secret = secret, secret = ?, previous_until = ? WHERE id = ?', [
    sealed.seal(secret, id),
    Date.now() + PREVIOUS_SECRET_MS,
    id,
  ]);
  return secret;
}

/**
 * The secrets that sign now, the present one first; none when no key opens it. One that was sealed with an older key is sealed again
 * with the first one, so that the older key can be given up.
 */
export async function secretsOfEndpoint(mysql: Mysql, sealed: SealedSecrets, endpoint: Endpoint): Promise<string[]> {
  const { id, secret, previousSecret, previousUntil } = endpoint;
  const secrets: string[] = [];
  for (const [column, bytes] of [
    ['secret', secret],
    ['previous_secret', previousUntil !== null && previousUntil > Date.now() ? previousSecret : null],
  ] as const) {
    const opened = bytes === null ? undefined : sealed.open(bytes, id);
    if (opened === undefined) continue;
    secrets.push(opened.secret);
    if (opened.stale)
      await mysql('webhooks')
        .where({ id, [column]: bytes })
        .update({ [column]: sealed.seal(opened.secret, id) });
  }
  return secrets;
}

function toEndpoint(row: Record<(typeof columns)[number] extends `${string}.${infer Name}` ? Name : never, unknown>) {
  const text = (value: unknown) => (value === null ? null : String(value));
  const number = (value: unknown) => (value === null ? null : Number(value));
  return {
    id: String(row.id),
    owner: row.owner === null ? undefined : String(row.owner),
    url: String(row.url),
    state: row.state as EndpointState,
    reason: text(row.reason),
    failingSince: number(row.failing_since),
    createdAt: Number(row.created_at),
    position: Number(row.position),
    failures: Number(row.failures),
    error: text(row.error),
    secret: row.secret as Buffer,
    previousSecret: row.previous_secret as Buffer | null,
    previousUntil: number(row.previous_until),
  };
}
