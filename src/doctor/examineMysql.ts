import type { Mysql } from '../infra/stores/mysql.ts';
import { applyChecks, type Finding } from './finding.ts';
import { mysqlChecks } from './mysqlChecks.ts';
import { readMysqlFacts } from './mysqlFacts.ts';
import { sessionChecks } from './sessionChecks.ts';

/** `mysql` is a pool of one connection: the checks read what holds for it. */
export const examineMysql = async (mysql: Mysql, url: string, workers: number): Promise<Finding[]> =>
  applyChecks('MySQL', [...mysqlChecks, ...sessionChecks], await readMysqlFacts(mysql, url, workers));
