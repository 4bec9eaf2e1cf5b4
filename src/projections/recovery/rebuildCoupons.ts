import { randomUUID } from 'node:crypto';
import type { ChainableCommander, Redis } from 'ioredis';
import { z } from 'zod';
import { couponFields } from '../../coupon/couponFields.ts';
import { writePieces } from '../../coupon/holderValue.ts';
import type { CouponEvent } from '../../events.ts';
import { groupBy } from '../../infra/groupBy.ts';
import { couponPath, keys, partitionOf } from '../../infra/keys.ts';
import { runScript } from '../../infra/scripts.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import type { CouponRow } from '../couponRow.ts';
import { bytesToId } from '../log/eventRows.ts';
import { viewEntryOf } from '../redisViews.ts';
import { type CouponBuilder, customersToRead, type PageChanges, startBuilder, takePage } from './couponBuilder.ts';
import { couponPages } from './couponPages.ts';
import { DamageError } from './damage.ts';

/** Values in one command, which keeps Redis from serving others while it runs. */
const MEMBERS = 1_000;
const BUILT_TTL_SECONDS = 600;

const restoreReplySchema = z.tuple([z.enum(['restored', 'kept', 'incomplete'])]);

interface RebuildDeps {
  redis: Redis;
  mysql: Mysql;
  /** Called with the number of events of each page. */
  report: (events: number) => void;
  setApart: (row: CouponRow, damage: DamageError) => Promise<void>;
}

/** A coupon that is built beside the one in Redis, from its events in the order of their versions. */
interface Rebuild {
  row: CouponRow;
  builder: CouponBuilder;
  /** The keys of the hashes that are built. */
  built: { holders: string; redemptions: string; requests: string };
  /** Why the coupon cannot be built from its log. */
  damage: DamageError | undefined;
}

/** Rebuilds these coupons, their codes and the views that name them from the log, which has no gap. */
export async function rebuildCoupons(deps: RebuildDeps, rows: readonly CouponRow[]): Promise<void> {
  const rebuilds = new Map(rows.map((row) => [bytesToId(row.id), startRebuild(row)]));
  let writing = Promise.resolve();
  try {
    for await (const { events, whole } of couponPages(deps.mysql, rows)) {
      const pipeline = deps.redis.pipeline();
      for (const [id, ofCoupon] of groupBy(events, ({ coupon }) => coupon.id)) {
        const rebuild = rebuilds.get(id);
        if (rebuild === undefined) continue;
        // Redis carries out the commands of a connection in their order, so the values are as of the page before.
        const customers = customersToRead(rebuild.builder, ofCoupon);
        takeEvents(rebuild, ofCoupon, await readValues(deps.redis, rebuild.built.holders, customers), pipeline);
      }
      addToViews(events, pipeline);
      const ready = whole.flatMap((row) => rebuilds.get(bytesToId(row.id)) ?? []);
      await writing;
      writing = write(deps, pipeline, ready);
      // A rejection is handled where `writing` is awaited.
      writing.catch(() => {});
      deps.report(events.length);
    }
  } finally {
    await writing;
  }
}

function startRebuild(row: CouponRow): Rebuild {
  const coupon = { seller: row.seller.toString(), name: row.name.toString() };
  const run = randomUUID();
  const built = {
    holders: keys.built('holders', coupon, run),
    redemptions: keys.built('redemptions', coupon, run),
    requests: keys.built('requests', coupon, run),
  };
  return { row, builder: startBuilder(coupon), built, damage: undefined };
}

/** The values of these fields of a hash. */
async function readValues(redis: Redis, key: string, fields: readonly string[]): Promise<Map<string, string | null>> {
  const chunks = [...chunksOf(fields, MEMBERS)];
  const values = (await Promise.all(chunks.map((chunk) => redis.hmget(key, ...chunk)))).flat();
  return new Map(fields.map((field, place) => [field, values[place] ?? null]));
}

function takeEvents(
  rebuild: Rebuild,
  events: readonly CouponEvent[],
  earlier: ReadonlyMap<string, string | null>,
  pipeline: ChainableCommander,
): void {
  if (rebuild.damage !== undefined) return;
  const { builder } = rebuild;
  const isFirstPage = builder.state === undefined;
  try {
    addChanges(rebuild, takePage(builder, events, earlier), isFirstPage, pipeline);
  } catch (error) {
    if (!(error instanceof DamageError)) throw error;
    rebuild.damage = error;
  }
}

function addChanges(
  { built, builder: { coupon } }: Rebuild,
  { holders, codes, redemptions, requests }: PageChanges,
  isFirstPage: boolean,
  pipeline: ChainableCommander,
): void {
  const inWords = ([field, value]: [string, number | undefined]): Field => [field, value?.toString()];
  const held = [...holders].map(([customer, pieces]): Field => [customer, writePieces(pieces) || undefined]);
  // The empty field of the first page shows the script at the end that Redis was not emptied since then.
  if (isFirstPage) held.unshift(['', '']);
  for (const [key, fields] of [
    [built.holders, held],
    [built.redemptions, [...redemptions].map(inWords)],
    [built.requests, requests.map(({ field, answer }): Field => [field, answer])],
  ] as const) {
    setFields(pipeline, key, fields);
    if (fields.length > 0 || !isFirstPage) pipeline.expire(key, BUILT_TTL_SECONDS);
  }
  const entries = codes.map(([code, customer]): Field => [code, `${couponPath(coupon)}/${customer}`]);
  setFields(pipeline, keys.codes(partitionOf(coupon)), entries);
}

type Field = [field: string, value: string | undefined];

/** Sets the fields of a hash, and deletes the fields without a value. */
function setFields(pipeline: ChainableCommander, key: string, fields: readonly Field[]): void {
  const set = fields.flatMap(([field, value]) => (value === undefined ? [] : [field, value]));
  const deleted = fields.flatMap(([field, value]) => (value === undefined ? [field] : []));
  for (const chunk of chunksOf(set, 2 * MEMBERS)) pipeline.hset(key, ...chunk);
  for (const chunk of chunksOf(deleted, MEMBERS)) pipeline.hdel(key, ...chunk);
}

function* chunksOf<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}

/**
 * Writes what the inline projection writes, with one command for all entries of a view. Redis sets the entries of a command in their
 * order, so a release replaces its grab.
 */
function addToViews(events: readonly CouponEvent[], pipeline: ChainableCommander): void {
  for (const [view, entries] of groupBy(
    events.flatMap((event) => viewEntryOf(event) ?? []),
    (entry) => entry.view,
  )) {
    for (const chunk of chunksOf(entries, MEMBERS))
      pipeline.zadd(view, ...chunk.flatMap(({ at, member }) => [at, member]));
  }
}

async function write(deps: RebuildDeps, pipeline: ChainableCommander, whole: readonly Rebuild[]): Promise<void> {
  const results = pipeline.length === 0 ? [] : await pipeline.exec();
  for (const [error] of results ?? []) if (error) throw error;
  await Promise.all(
    whole.map((rebuild) =>
      putInPlace(deps.redis, rebuild).catch((error) => {
        if (!(error instanceof DamageError)) throw error;
        return deps.setApart(rebuild.row, error);
      }),
    ),
  );
}

/** Replaces the coupon in Redis by the one that was built, unless Redis is ahead by then. */
async function putInPlace(redis: Redis, { builder, built, damage }: Rebuild): Promise<void> {
  if (damage !== undefined) throw damage;
  const { coupon, state, customers } = builder;
  if (state === undefined) throw new DamageError('the event log lacks the creation');
  const reply = await runScript(
    redis,
    'restoreCoupon',
    [
      keys.coupon(coupon),
      keys.holders(coupon),
      keys.redemptions(coupon),
      keys.requests(coupon),
      keys.unloggedChanges(coupon),
      keys.unloggedPieces(coupon),
      built.holders,
      built.redemptions,
      built.requests,
    ],
    [String(state.version), String(customers), ...Object.entries(couponFields(state)).flat()],
  );
  const [status] = restoreReplySchema.parse(reply);
  // Either Redis was emptied meanwhile, which reconcile finds by its witness key, or the log is damaged.
  if (status === 'incomplete')
    throw new DamageError('the event log does not name a holder for each piece that is held');
  // The list is for operators, and its Redis may be away. An entry that stays is removed by a later rebuild.
  await redis.srem(keys.damagedCoupons, couponPath(coupon)).catch(() => {});
}
