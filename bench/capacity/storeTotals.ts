import { customerName, type LoadPlan, type LoadResult } from '../load/loadPlan.ts';
import { redisBytes } from '../scaling/growthBench.ts';
import type { Testbed } from '../testbed/testbed.ts';

// What is read beside the load: totals and versions of the stores, and the bytes of a request.

/** Totals of the stores so far. */
export async function readStores({ redis, mysql, ...testbed }: Testbed) {
  const info = await redis.info('everything');
  const number = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  const [rows] = await mysql.raw("SHOW GLOBAL STATUS WHERE Variable_name IN ('Bytes_received', 'Bytes_sent')");
  return {
    redisMemory: await redisBytes({ redis, mysql, ...testbed }),
    redisLog: number('aof_current_size'),
    redisNet: number('total_net_input_bytes') + number('total_net_output_bytes'),
    mysqlNet: (rows as { Value: string }[]).reduce((sum, { Value }) => sum + Number(Value), 0),
  };
}

/** Every deciding call appends one entry to the outbox, so the number of XADDs is that of the calls. */
export async function decidingCalls({ masters }: Testbed): Promise<number> {
  const stats = await Promise.all(masters.all().map(({ redis }) => redis.info('commandstats')));
  return stats.reduce((sum, text) => sum + Number(/^cmdstat_xadd:calls=(\d+)/m.exec(text)?.[1] ?? 0), 0);
}

export async function storeVersions({ redis, mysql }: Testbed) {
  const [[row]] = await mysql.raw('SELECT VERSION() AS version');
  return { redis: /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? '', mysql: String(row.version) };
}

/** Bytes of one request of the plan and of the first answer to it. */
export function bytesOf(testbed: Testbed, plan: LoadPlan, load: LoadResult | undefined): number {
  const customer = customerName(plan.firstCustomer);
  const token = testbed.issueToken(customer, 'customer');
  const path = (plan.paths[0] ?? '').replace('{customer}', customer);
  const request = `${plan.method} ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: ${token}\r\n\r\n`;
  const { headers = {}, body = '' } = load?.sample ?? {};
  const head = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
  return request.length + 'HTTP/1.1 200 OK\r\n\r\n'.length + head + Buffer.byteLength(body);
}
