import { Unavailable } from '../../unavailable.ts';
import type { MysqlAddress } from '../failover/nodes.ts';
import type { Log } from '../telemetry/log.ts';
import { connectMysql, type Mysql } from './mysql.ts';

const CONNECTIONS = 2;
/** When this many queries wait for a connection, further ones are refused. */
const MAX_WAITING = 100;

export interface MysqlReads {
  /** Throws Unavailable when MySQL does not answer, or when too many queries wait. */
  read<T>(query: (mysql: Mysql) => Promise<T>): Promise<T>;
  /** The pool itself, for metrics and tests. */
  mysql: Mysql;
}

/** Connections for lists alone: however many lists are read, neither the projection nor a log-in waits for a connection. */
export function openMysqlReads({ mysqlUrl, log }: { mysqlUrl: MysqlAddress; log: Log }) {
  const { mysql, close } = connectMysql(mysqlUrl, CONNECTIONS);
  const reads: MysqlReads = {
    mysql,
    async read(query) {
      if (mysql.client.pool?.numPendingAcquires() >= MAX_WAITING)
        throw new Unavailable('too many lists are read from MySQL');
      try {
        return await query(mysql);
      } catch (err) {
        log.warn({ err }, 'MySQL query of a list failed');
        throw new Unavailable('MySQL does not answer');
      }
    },
  };
  return { reads, close };
}
