import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import { openAll } from '../../src/infra/closers.ts';
import { findProgram } from '../../src/infra/local/install.ts';
import { startLocalProcess, waitForEnd } from '../../src/infra/local/localProcess.ts';
import { createMariadbData } from '../../src/infra/local/mariadbData.ts';
import { freePort } from './freePort.ts';
import { composeMysql, interpolate, serviceOf } from './manifests.ts';

const PASSWORD = 'password';
const given = { MYSQL_PASSWORD: PASSWORD, JWT_SECRET: 'a secret of the tests that is long enough to be taken' };

/**
 * Redis and MariaDB of this machine with exactly the arguments that compose.yml gives to the images, and the environment that it
 * gives to the app. Only paths and ports differ. `npm run test:stores -- mysql` puts MySQL in the place of MariaDB, which then has the
 * arguments of deploy/compose.mysql.yml.
 */
export const openComposeStores = () =>
  openAll(async (remember) => {
    const folder = mkdtempSync(join(tmpdir(), 'seckill-compose-'));
    remember(() => rmSync(folder, { recursive: true, force: true }));
    const redis = await openRedis(join(folder, 'redis'));
    remember(redis.close);
    const mariadb = await openMariadb(join(folder, 'mariadb'));
    remember(mariadb.close);
    const entries = Object.entries(serviceOf('app').environment ?? {}).map(([name, value]) => [
      name,
      interpolate(value, given)
        .replace('redis:6379', `127.0.0.1:${redis.port}`)
        .replace('mariadb:3306', `127.0.0.1:${mariadb.port}`),
    ]);
    const environment: Record<string, string> = { ...Object.fromEntries(entries), OPS_PORT: String(await freePort()) };
    return { environment };
  });

async function openRedis(folder: string) {
  const port = await freePort();
  const pidFile = join(folder, 'redis.pid');
  mkdirSync(folder);
  const [program = '', ...args] = serviceOf('redis').command ?? [];
  const places = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--pidfile', pidFile];
  const client = () => new Redis(port, { lazyConnect: true, retryStrategy: () => null }).on('error', () => {});
  const ready = async () => {
    const redis = client();
    await redis.connect().finally(() => redis.disconnect());
  };
  await startLocalProcess({ program, args: [...args, ...places], logFile: join(folder, 'log'), ready });
  const close = async () => {
    const redis = client();
    await redis.connect();
    await redis.shutdown('NOSAVE').catch(() => {});
    redis.disconnect();
    await waitForEnd(pidFile);
  };
  return { port, close };
}

async function openMariadb(folder: string) {
  const { stdout } = spawnSync(findProgram('mariadbd') ?? '', ['--no-defaults', '--version'], { encoding: 'utf8' });
  const service = /MariaDB/.test(stdout) ? serviceOf('mariadb') : composeMysql.services.mariadb;
  const port = await freePort();
  const [data, temporary, pidFile, socket] = ['data', 'tmp', 'mariadb.pid', 'mariadb.sock'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  mkdirSync(folder);
  await createMariadbData(data, temporary);
  const run = async (...statements: string[]) => {
    const connection = await createConnection({ socketPath: socket, user: 'root' });
    for (const statement of statements) await connection.query(statement).catch(() => {});
    connection.destroy();
  };
  const places = [
    `--datadir=${data}`,
    `--tmpdir=${temporary}`,
    `--socket=${socket}`,
    `--pid-file=${pidFile}`,
    `--port=${port}`,
  ];
  const args = ['--no-defaults', ...places, `--user=${userInfo().username}`, '--bind-address=127.0.0.1'];
  await startLocalProcess({
    program: findProgram('mariadbd') ?? '',
    args: [...args, ...(service?.command ?? [])],
    logFile: join(folder, 'log'),
    ready: () => run(),
  });
  // The image does this with these settings.
  const setting = (name: string) => {
    const { environment = {} } = service ?? {};
    return interpolate(environment[`MARIADB_${name}`] ?? environment[`MYSQL_${name}`] ?? '', given);
  };
  await run(
    `CREATE DATABASE ${setting('DATABASE')}`,
    `CREATE USER '${setting('USER')}'@'%' IDENTIFIED BY '${setting('PASSWORD')}'`,
    `GRANT ALL ON ${setting('DATABASE')}.* TO '${setting('USER')}'@'%'`,
  );
  const close = async () => {
    await run('SHUTDOWN');
    if (existsSync(pidFile)) await waitForEnd(pidFile);
  };
  return { port, close };
}
