import { refusedByServer } from '../infra/stores/mysqlErrors.ts';
import { NewerRelease } from '../newerRelease.ts';
import { OperatorError } from '../operatorError.ts';

const REDIS_LOST = /max retries per request|connection is closed|command timed out|isn't writeable/i;
/** The connection was killed, the server is shutting down, the query was interrupted. */
const MYSQL_LOST = [1927, 1053, 1317];

/** A connection that was cut or stopped replying, or a privilege that is missing, as one line; any other error unchanged. */
export function describeStoreFault(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof OperatorError) return error;
  if (REDIS_LOST.test(error.message)) return lost('REDIS_URL: the connection to Redis');
  if (error instanceof NewerRelease) return new OperatorError(`${error.message}: run the command of that release`);
  const refused = refusedByServer(error);
  if (refused !== undefined) return new OperatorError(`MYSQL_URL: ${refused}`);
  const { fatal, errno = 0 } = error as { fatal?: boolean; errno?: number };
  return fatal || MYSQL_LOST.includes(errno) ? lost('MYSQL_URL: the connection to MySQL') : error;
}

const lost = (connection: string) =>
  new OperatorError(`${connection} was lost: nothing is known, run the command again`);
