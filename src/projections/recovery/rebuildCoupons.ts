import { randomUUID } from 'node:crypto';
import type { ChainableCommander, Redis } from 'ioredis';
import { z } from 'zod';
import { type CouponCreated, type CouponEvent, type CouponGrabbed, leftAfter } from '../../events.ts';
import { groupBy } from '../../infra/groupBy.ts';
import { couponPath, keys } from '../../infra/keys.ts';
import { runScript } from '../../infra/scripts.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import { bytesToId, type EventRow, eventColumns, rowsToEvents } from '../log/eventRows.ts';
import { viewEntryOf } from '../redisViews.ts';
import { DamageError } from './damage.ts';

/** Events in a page. Two pages are in memory at once: one is written while the next one is read. */
const PAGE = 10_000;
/** Values in one command, which keeps Redis from serving others while it runs. */
const MEMBERS = 1_000;
const BUILDER_TTL_SECONDS = 600;

const restoreReplySchema = z.tuple([z.enum(['restored', 'kept', 'incomplete'])]);

export interface CouponRow {
  id: Buffer;
  seller: Buffer;
  name: Buffer;
  /** The version of the last event in the log, which is also the number of the coupon's events. */
  version: number;
  amount: number;
  stock: number;
  description: string;
  pieces_left: number;
}

interface RebuildDeps {
  redis: Redis;
  mysql: Mysql;
  /** Called with the number of events of each page. */
  report: (events: number) => void;
  setApart: (row: CouponRow, damage: DamageError) => Promise<void>;
}

/** The state of one coupon while it is built beside the one in Redis, from its events in the order of their versions. */
interface Builder {
  row: CouponRow;
  seller: string;
  name: string;
  built: string;
  created: CouponCreated | undefined;
  version: number;
  grabs: number;
  left: number;
}

/** Rebuilds these coupons and the views that name them from the log, which has no gap. */
export async function rebuildCoupons(deps: RebuildDeps, rows: readonly CouponRow[]): Promise<void> {
  const builders = new Map(rows.map((row) => [bytesToId(row.id), startBuilder(row)]));
  let writing = Promise.resolve();
  try {
    for await (const { events, whole } of eventsOf(deps.mysql, rows)) {
      const pipeline = deps.redis.pipeline();
      for (const [id, ofCoupon] of groupBy(events, ({ coupon }) => coupon.id)) {
        const builder = builders.get(id);
        if (builder !== undefined) take(builder, ofCoupon, pipeline);
      }
      addToViews(events, pipeline);
      const ready = whole.flatMap((row) => builders.get(bytesToId(row.id)) ?? []);
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

function startBuilder(row: CouponRow): Builder {
  const [seller, name] = [row.seller.toString(), row.name.toString()];
  const built = keys.holdersBuilt({ seller, name }, randomUUID());
  return { row, seller, name, built, created: undefined, version: 0, grabs: 0, left: 0 };
}

/**
 * The events of these coupons in pages, coupon by coupon; `whole` are the coupons that end with the page. Small coupons share a page;
 * a coupon with more events than a page has pages of its own.
 */
async function* eventsOf(mysql: Mysql, rows: readonly CouponRow[]) {
  const select = () => mysql('event_log').select(...eventColumns);
  for (const group of groupsOf(rows)) {
    const [only, another] = group;
    if (only !== undefined && another === undefined) {
      for (let version = 0; ; version += PAGE) {
        const page: EventRow[] = await select()
          .where({ coupon_id: only.id })
          .whereBetween('version', [version + 1, version + PAGE])
          .orderBy('version');
        yield { events: rowsToEvents(page), whole: page.length < PAGE ? [only] : [] };
        if (page.length < PAGE) break;
      }
      continue;
    }
    const ids = group.map(({ id }) => id);
    const page: EventRow[] = await select().whereIn('coupon_id', ids).orderBy(['coupon_id', 'version']);
    yield { events: rowsToEvents(page), whole: group };
  }
}

/** Groups of coupons whose events fit into one page, or one coupon that has more. */
function* groupsOf(rows: readonly CouponRow[]): Generator<CouponRow[]> {
  let group: CouponRow[] = [];
  let events = 0;
  for (const row of rows) {
    if (group.length > 0 && events + row.version > PAGE) {
      yield group;
      group = [];
      events = 0;
    }
    group.push(row);
    events += row.version;
  }
  if (group.length > 0) yield group;
}

function take(builder: Builder, events: readonly CouponEvent[], pipeline: ChainableCommander): void {
  const holders: string[] = [];
  for (const event of events) {
    if (event.type === 'CouponCreated') builder.created = event;
    if (event.type === 'CouponGrabbed') holders.push(event.data.customer, holderValue(event));
    builder.version = event.version;
    builder.left = leftAfter(event);
  }
  builder.grabs += holders.length / 2;
  if (holders.length === 0) return;
  for (let i = 0; i < holders.length; i += 2 * MEMBERS)
    pipeline.hset(builder.built, ...holders.slice(i, i + 2 * MEMBERS));
  pipeline.expire(builder.built, BUILDER_TTL_SECONDS);
}

/** The value that the grab script writes for a holder. */
const holderValue = ({ version, data: { idempotencyKey } }: CouponGrabbed) =>
  idempotencyKey === undefined ? String(version) : `${version} ${idempotencyKey}`;

/** Writes what the inline projection writes, with one command for all entries of a view. */
function addToViews(events: readonly CouponEvent[], pipeline: ChainableCommander): void {
  for (const [view, entries] of groupBy(
    events.flatMap((event) => viewEntryOf(event) ?? []),
    (entry) => entry.view,
  )) {
    for (let i = 0; i < entries.length; i += MEMBERS)
      pipeline.zadd(view, ...entries.slice(i, i + MEMBERS).flatMap(({ at, member }) => [at, member]));
  }
}

async function write(deps: RebuildDeps, pipeline: ChainableCommander, whole: readonly Builder[]): Promise<void> {
  const results = pipeline.length === 0 ? [] : await pipeline.exec();
  for (const [error] of results ?? []) if (error) throw error;
  await Promise.all(
    whole.map((builder) =>
      putInPlace(deps.redis, builder).catch((error) => {
        if (!(error instanceof DamageError)) throw error;
        return deps.setApart(builder.row, error);
      }),
    ),
  );
}

/** Replaces the coupon in Redis by the one that was built, unless Redis is ahead by then. */
async function putInPlace(redis: Redis, builder: Builder): Promise<void> {
  const { row, seller, name, built, created, version, grabs, left } = builder;
  if (created === undefined) throw new DamageError('the event log lacks the creation');
  const { amount, stock, description } = created.data;
  const numbers = [amount, stock, description, left, version, grabs].map(String);
  const reply = await runScript(
    redis,
    'restoreCoupon',
    [keys.coupon({ seller, name }), keys.holders({ seller, name }), built],
    [bytesToId(row.id), seller, name, ...numbers],
  );
  const [status] = restoreReplySchema.parse(reply);
  // Either Redis was emptied meanwhile, which reconcile finds by its witness key, or the log is damaged.
  if (status === 'incomplete') throw new DamageError('the event log does not name a holder for each grab');
  await redis.srem(keys.damagedCoupons, couponPath({ seller, name }));
}
