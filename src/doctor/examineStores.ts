import { type Closer, openAll } from '../infra/closers.ts';
import { dataSetOf } from '../infra/shards/dataSet.ts';
import { reachMysql } from '../infra/stores/openMysql.ts';
import { openRedis } from '../infra/stores/redis.ts';
import { createLog } from '../infra/telemetry/log.ts';
import { OperatorError } from '../operatorError.ts';
import { examineClocks } from './examineClocks.ts';
import { examineMysql } from './examineMysql.ts';
import { examineRedis } from './examineRedis.ts';
import { type Finding, unsafe } from './finding.ts';
import { speedOfMysql, speedOfRedis } from './grabCost.ts';
import { measureMysql, measureRedis } from './measureSpeed.ts';

export interface ExaminedStores {
  redisUrl: string;
  mysqlUrl: string;
  /** Server processes on one machine. */
  workers: number;
  waitReplicas?: number | undefined;
}

/** Opens both stores and examines them. A store that cannot be reached is a finding, and the other one is examined all the same. */
export async function examineStores({ redisUrl, mysqlUrl, workers, waitReplicas }: ExaminedStores): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { close } = await openAll(async (remember) => {
    const reach = async <Opened extends { close: Closer }>(area: 'Redis' | 'MySQL', opening: Promise<Opened>) => {
      try {
        const opened = await opening;
        remember(opened.close);
        return opened;
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        findings.push({
          area,
          name: 'connection',
          value: 'none',
          problem: unsafe(error.message, 'mend the URL or the server, then run this command again'),
        });
        return undefined;
      }
    };
    const masters = (await reach('Redis', openRedis(redisUrl, createLog('silent'))))?.masters;
    const servers = masters?.all().map((master) => ({ ...master, dataSet: dataSetOf(masters, master) })) ?? [];
    const mysql = (await reach('MySQL', reachMysql(mysqlUrl, 1)))?.mysql;
    for (const { name, redis, dataSet } of servers)
      findings.push(...named(name, servers.length, await examineRedis(redis, dataSet, workers, waitReplicas)));
    if (mysql !== undefined) findings.push(...(await examineMysql(mysql, mysqlUrl, workers)));
    findings.push(...(await examineClocks({ redis: servers[0]?.redis, mysql })));
    for (const { name, redis, dataSet } of servers)
      findings.push(...named(name, servers.length, speedOfRedis(await measureRedis(redis, dataSet))));
    if (mysql !== undefined) findings.push(...speedOfMysql(await measureMysql(mysql)));
    return {};
  });
  await close();
  return findings;
}

/** The findings about one of several masters of a Redis Cluster, with its name. */
const named = (server: string, servers: number, findings: Finding[]): Finding[] =>
  servers === 1 ? findings : findings.map((finding) => ({ ...finding, name: `${server}: ${finding.name}` }));
