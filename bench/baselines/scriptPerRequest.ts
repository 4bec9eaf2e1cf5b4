import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createInMysql, serveBaseline } from './baselineServer.ts';

// One script call for each grab, and a queue in memory that is written to MySQL in batches. Fast, but a process that dies loses the
// wins that it has answered 201 and not yet written.

const SCRIPT = `
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 'already-grabbed' end
if tonumber(redis.call('GET', KEYS[1]) or '0') <= 0 then return 'sold-out' end
redis.call('DECR', KEYS[1])
redis.call('SADD', KEYS[2], ARGV[1])
return 'grabbed'`;
const MAX_BATCH = 1_000;

type Grab = (left: string, holders: string, customer: string) => Promise<'grabbed' | 'already-grabbed' | 'sold-out'>;

serveBaseline(async (pool, { redisSocket }) => {
  const redis = new Redis({ path: redisSocket });
  redis.defineCommand('grab', { numberOfKeys: 2, lua: SCRIPT });
  const script = (redis as unknown as { grab: Grab }).grab.bind(redis);
  const queue: [coupon: Buffer, customer: Buffer][] = [];
  let writing = false;
  const write = async () => {
    if (writing) return;
    writing = true;
    while (queue.length > 0) {
      const batch = queue.slice(0, MAX_BATCH);
      await pool.query('INSERT INTO baseline_grabs (coupon, customer) VALUES ?', [batch]);
      queue.splice(0, batch.length);
    }
    writing = false;
  };
  return {
    async create(coupon, amount) {
      await createInMysql(pool)(coupon, amount);
      await redis.set(`baseline:left:${coupon}`, amount);
    },
    async drained() {
      while (queue.length > 0) await sleep(5);
    },
    async grab(coupon, customer) {
      const outcome = await script(`baseline:left:${coupon}`, `baseline:holders:${coupon}`, customer);
      if (outcome === 'grabbed') {
        queue.push([Buffer.from(coupon), Buffer.from(customer)]);
        void write();
      }
      return outcome;
    },
  };
});
