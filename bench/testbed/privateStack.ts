import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openAll } from '../../src/infra/closers.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { OperatorError } from '../../src/operatorError.ts';
import { openPrivateServers } from './privateServers.ts';

const thisTree = fileURLToPath(new URL('../..', import.meta.url));

export interface StackOptions {
  /** Settings of the server. */
  environment?: NodeJS.ProcessEnv;
  /** Arguments of the server's Node. */
  nodeArgs?: string[];
  /** Another Redis than the private one, with the processes that it consists of. */
  redis?: { url: string; pids: readonly number[] };
  /** The folder with the server: this tree, or another revision. */
  root?: string;
  /** An abort ends the stack at once, in the middle of its start too. */
  stop?: AbortSignal | undefined;
}

/**
 * A fresh private stack: both stores, and the seckill server in a process of its own. `startAnother` starts one more server on the same
 * stores, as on another machine.
 */
export const openPrivateStack = ({
  environment = {},
  nodeArgs = [],
  redis,
  root = thisTree,
  stop,
}: StackOptions = {}) =>
  openAll(async (remember) => {
    const { config: ofServers, pids, close: closeServers } = await openPrivateServers(stop);
    const config = { ...ofServers, redisUrl: redis?.url ?? ofServers.redisUrl };
    remember(closeServers);
    const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl);
    remember(closeMysql);
    const settings = {
      // The CPU time of one process is measured.
      WORKERS: '1',
      PORT: '0',
      REDIS_URL: config.redisUrl,
      MYSQL_URL: config.mysqlUrl,
      JWT_SECRET: config.jwtSecret,
      LOG_LEVEL: 'warn',
      // Cheap password hashes: a crowd must log in before the sale, and the sale does not depend on them.
      ARGON2_MEMORY_KIB: '64',
      ARGON2_PASSES: '1',
      // The whole crowd comes from one address.
      LOGIN_FAILURES_PER_ACCOUNT_AND_ADDRESS: '1000000',
      LOGIN_FAILURES_PER_ADDRESS: '1000000',
      REGISTRATIONS_PER_ADDRESS: '1000000',
      // High limits and not none: requests are counted as on any server.
      REQUESTS_PER_USER: '1000000000',
      REQUESTS_PER_ADDRESS: '1000000000',
      IDEMPOTENCY_KEYS_PER_CUSTOMER: '1000000000',
      IDEMPOTENCY_KEYS_PER_SELLER: '1000000000',
      COUPONS_PER_SELLER: '1000000000',
    };
    const startAnother = async (more: NodeJS.ProcessEnv = {}) => {
      const started = await startServer(root, { ...settings, ...environment, ...more }, nodeArgs, stop);
      remember(started.close);
      return { url: started.url, pid: started.pid };
    };
    const server = await startAnother();
    const redisPids = redis?.pids ?? [pids.redis];
    return { url: server.url, mysql, config, pids: { ...pids, node: server.pid }, redisPids, startAnother };
  });

async function startServer(root: string, environment: NodeJS.ProcessEnv, nodeArgs: string[], stop?: AbortSignal) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const words = scripts.start.split(' ') as string[];
  const npmStartArgs = words.slice(words.indexOf('node') + 1);
  const child = spawn(process.execPath, [...nodeArgs, ...npmStartArgs], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: stop,
    killSignal: 'SIGKILL',
  });
  // An abort is an error of the child too; its end is what counts.
  child.on('error', () => {});
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      const [, found] = /^listening on (\S+)$/m.exec(String(chunk)) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once('close', () => reject(new OperatorError('the server ended at its start')));
  });
  const close = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { url, pid: child.pid ?? 0, close };
}
