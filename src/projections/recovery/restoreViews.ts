import type { Redis } from 'ioredis';
import type { CouponEvent } from '../../events.ts';
import { allPartitions, keys } from '../../infra/keys.ts';
import { allEvents, decodeEntry, type RawEntry, readOutbox } from '../../infra/outbox.ts';
import type { DataSet } from '../../infra/shards/dataSet.ts';
import type { Mysql } from '../../infra/stores/mysql.ts';
import type { Log } from '../../infra/telemetry/log.ts';
import type { CouponRow } from '../couponRow.ts';
import { createViewProjection, type ViewProjection, viewEntryOf } from '../redisViews.ts';
import { couponPages } from './couponPages.ts';

const OUTBOX_PAGE = 500;
const COUPONS_PAGE = 1_000;

interface RestoreViewsDeps {
  redis: Redis;
  dataSet: DataSet;
  everywhere: Redis;
  mysql: Mysql;
  log: Log;
}

/**
 * Writes the view entries that a master of a Redis Cluster may lack, of coupons that other masters have and that are not rebuilt here.
 * A view entry that the replica had not got before its master died belongs to an event that is still in an outbox: an entry is deleted
 * only after the replicas of its views have them. A master without any views was emptied, and gets them all from the log. Rejects while
 * another master is away, whose outbox may hold such an event. Nothing is to be done for a single Redis.
 */
export async function restoreViews(deps: RestoreViewsDeps): Promise<void> {
  const { redis, dataSet, log } = deps;
  if (dataSet.marker !== undefined) return;
  const own = ownViews(createViewProjection(redis), dataSet);
  const marks = dataSet.partitions().map(keys.viewsMark);
  const present = await Promise.all(marks.map((mark) => redis.exists(mark)));
  if (marks.length === 0 || present.includes(0)) {
    const events = await restoreFromLog(deps, own);
    await Promise.all(marks.map((mark) => redis.set(mark, '1')));
    log.info({ events }, 'wrote the views of a Redis that had none');
  }
  await restoreFromOutboxes(deps, own);
}

/** The projection to those views that this Redis has. */
const ownViews =
  (project: ViewProjection, { has }: DataSet): ViewProjection =>
  (events) =>
    project(
      events.filter((event) => {
        const entry = viewEntryOf(event);
        return entry !== undefined && has(entry.view);
      }),
    );

/** Processes decide on other masters meanwhile, so each outbox is read up to the entry that was its newest at the beginning. */
async function restoreFromOutboxes({ everywhere, dataSet }: RestoreViewsDeps, own: ViewProjection): Promise<void> {
  const others = allPartitions.filter((partition) => !dataSet.partitions().includes(partition));
  await Promise.all(
    others.map(async (partition) => {
      const [newest] = (await everywhere.xrevrange(keys.outbox(partition), '+', '-', 'COUNT', 1)) as RawEntry[];
      if (newest === undefined) return;
      for (let after = '-'; ; ) {
        const page = await readOutbox(everywhere, partition, after, newest[0], OUTBOX_PAGE);
        await own(page.flatMap((raw) => eventsOf(partition, raw)));
        const last = page.at(-1);
        if (last === undefined || page.length < OUTBOX_PAGE) return;
        after = last[0];
      }
    }),
  );
}

/** An entry that this process cannot read is left to the relay. */
function eventsOf(partition: number, raw: RawEntry): CouponEvent[] {
  try {
    return allEvents(decodeEntry(partition, raw));
  } catch {
    return [];
  }
}

/** Resolves to the number of events that were read. */
async function restoreFromLog({ mysql }: RestoreViewsDeps, own: ViewProjection): Promise<number> {
  let read = 0;
  for (let after: Buffer = Buffer.alloc(0); ; ) {
    const rows: CouponRow[] = await mysql('coupons').where('id', '>', after).orderBy('id').limit(COUPONS_PAGE);
    const last = rows.at(-1);
    if (last === undefined) return read;
    for await (const { events } of couponPages(mysql, rows)) {
      await own(events);
      read += events.length;
    }
    after = last.id;
  }
}
