import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openAll } from '../../src/infra/closers.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { OperatorError } from '../../src/operatorError.ts';
import { openPrivateServers } from './privateServers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A fresh private stack: both stores, and the seckill server in a process of its own. `environment` changes the server's
 * settings, `nodeArgs` are arguments of its Node.
 */
export const openPrivateStack = (environment: NodeJS.ProcessEnv = {}, nodeArgs: string[] = []) =>
  openAll(async (remember) => {
    const { config, pids, close: closeServers } = await openPrivateServers();
    remember(closeServers);
    const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl);
    remember(closeMysql);
    const server = await startServer(
      {
        PORT: '0',
        REDIS_URL: config.redisUrl,
        MYSQL_URL: config.mysqlUrl,
        JWT_SECRET: config.jwtSecret,
        LOG_LEVEL: 'warn',
        // Cheap password hashes: a crowd must log in before the sale, and the sale does not depend on them.
        ARGON2_MEMORY_KIB: '64',
        ARGON2_PASSES: '1',
        ...environment,
      },
      nodeArgs,
    );
    remember(server.close);
    return { url: server.url, mysql, config, pids: { ...pids, node: server.pid } };
  });

async function startServer(environment: NodeJS.ProcessEnv, nodeArgs: string[]) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [, ...npmStartArgs] = scripts.start.split(' ') as string[];
  const child = spawn(process.execPath, [...nodeArgs, ...npmStartArgs], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
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
