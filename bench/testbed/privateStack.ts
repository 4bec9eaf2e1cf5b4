import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../../src/config.ts';
import { openAll } from '../../src/infra/closers.ts';
import { openLocalServers } from '../../src/infra/local/localServers.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { OperatorError } from '../../src/operatorError.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A fresh private stack: stores opened here, so that results can be read in MySQL, and the server as a process of its own.
 * `environment` changes the server's settings, `nodeArgs` are for its Node.
 */
export const openStack = (environment: NodeJS.ProcessEnv = {}, nodeArgs: string[] = []) =>
  openAll(async (remember) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'seckill-bench-'));
    remember(() => rmSync(dataDir, { recursive: true, force: true }));
    const { config, close: closeLocal } = await openLocalServers(readConfig({ DATA_DIR: dataDir }), (line) =>
      console.error(line),
    );
    remember(closeLocal);
    const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl);
    remember(closeMysql);
    const server = await startServer(
      {
        PORT: '0',
        REDIS_URL: config.redisUrl,
        MYSQL_URL: config.mysqlUrl,
        JWT_SECRET: config.jwtSecret,
        LOG_LEVEL: 'warn',
        // A crowd logs in first; how hard the hash is says nothing about the sale.
        ARGON2_MEMORY_KIB: '64',
        ARGON2_PASSES: '1',
        ...environment,
      },
      nodeArgs,
    );
    remember(server.close);
    const pidIn = (...path: string[]) => Number(readFileSync(join(dataDir, ...path), 'utf8'));
    const pids = { node: server.pid, redis: pidIn('redis', 'redis.pid'), mysql: pidIn('mariadb', 'mariadb.pid') };
    return { url: server.url, mysql, config, pids };
  });

async function startServer(environment: NodeJS.ProcessEnv, nodeArgs: string[]) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [, ...asNpmStartDoes] = scripts.start.split(' ') as string[];
  const child = spawn(process.execPath, [...nodeArgs, ...asNpmStartDoes], {
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
