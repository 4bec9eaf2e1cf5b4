import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { type Connection, createConnection } from 'mysql2/promise';
import { type Closer, openAll } from '../../../src/infra/closers.ts';
import { openDataDir } from '../../../src/infra/local/dataDir.ts';
import { ensurePrograms, findProgram } from '../../../src/infra/local/install.ts';
import { OperatorError } from '../../../src/operatorError.ts';
import { type App, type AppSettings, becomesReady, startApp } from './applications.ts';
import { type Flavour, mountSmallDisk, type RedisProgram, writeRedisProgram } from './redisProgram.ts';
import { openProxy, type StoreProxy } from './storeProxy.ts';
import { createMariadbServer, createRedisServer, type StoreServer } from './storeServers.ts';

const READY_LIMIT_MS = 30_000;

/** What a round runs on. */
export interface Shape {
  apps: number;
  redis: Flavour;
  /** Settings of the applications beside those that every one of them gets. */
  environment: Record<string, string>;
}

/** What is tested: the project as it is, or a sabotaged copy of it on weaker servers. */
export interface Subject {
  root: string;
  environment: Record<string, string>;
  redis: RedisProgram;
}

export const theProject: Subject = {
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  environment: {},
  redis: { settings: [], fsyncMs: 25 },
};

/** Private servers, applications in front of them, and a proxy on every way between. */
export interface Stack {
  folder: string;
  jwtSecret: string;
  mariadb: StoreServer;
  redis: StoreServer;
  disk: ReturnType<typeof mountSmallDisk> | undefined;
  redisProxy: StoreProxy;
  mysqlProxy: StoreProxy;
  apps: App[];
  /** Begins anew: a fresh database, an empty Redis, no application. */
  begin(subject: Subject): Promise<void>;
  /** Starts and stops what is needed for this shape; resolves when every application is ready. */
  arrange(shape: Shape): Promise<void>;
  /** Starts an application in the place of one that has ended; resolves when it listens. */
  restartApp(app: App): Promise<void>;
  withMysql<T>(work: (mysql: Connection) => Promise<T>): Promise<T>;
  withRedis<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
}

export const openStack = (announce: (line: string) => void) =>
  openAll(async (remember) => {
    ensurePrograms(['redis-server', 'mariadbd'], announce);
    const folder = mkdtempSync(join(tmpdir(), 'seckill-faults-'));
    remember(() => rmSync(folder, { recursive: true, force: true }));
    const { dataDir, close } = await openDataDir(folder);
    remember(close);
    const mariadb = createMariadbServer(dataDir, findProgram('mariadbd') ?? '');
    remember(mariadb.close);
    await mariadb.start();
    const redisProxy = await openProxy(join(folder, 'to-redis.sock'), () => stack.redis.socket);
    remember(redisProxy.close);
    const mysqlProxy = await openProxy(join(folder, 'to-mysql.sock'), () => mariadb.socket);
    remember(mysqlProxy.close);

    let subject = theProject;
    let shape: Shape = { apps: 0, redis: 'plain', environment: {} };
    let database = '';
    let redises = 0;
    let closed = false;
    let closeRedis: Closer = () => {};

    const killApps = () => Promise.all(stack.apps.splice(0).map((app) => app.kill()));
    // Each in a folder of its own, so that nothing of an older one is ever found.
    const replaceRedis = async (flavour: Flavour) => {
      await closeRedis();
      if (closed) throw new Error('the stack is closed');
      const path = join(folder, `redis-${++redises}`);
      mkdirSync(path);
      stack.disk = flavour === 'small-disk' ? mountSmallDisk(join(path, 'redis')) : undefined;
      const program = writeRedisProgram(path, flavour, subject.redis, announce);
      const redis = createRedisServer({ path, socketDir: folder }, program);
      const { disk } = stack;
      closeRedis = async () => {
        await redis.close();
        disk?.close();
      };
      stack.redis = redis;
      await redis.start();
    };
    // Nothing is left of what was: a fresh database, an empty Redis, no application.
    const renew = async (flavour: Flavour) => {
      await killApps();
      mariadb.thaw();
      await mariadb.start();
      const fresh = `faults_${randomBytes(6).toString('hex')}`;
      await stack.withMysql((mysql) => mysql.query(`CREATE DATABASE ${fresh}`));
      database = fresh;
      await replaceRedis(flavour);
      shape = { apps: 0, redis: flavour, environment: {} };
    };
    const launch = async (number: number) => {
      if (closed) throw new Error('the stack is closed');
      const settings: AppSettings = {
        root: subject.root,
        folder,
        environment: {
          REDIS_URL: `unix://${redisProxy.path}`,
          MYSQL_URL: `mysql://root@localhost/${database}?socketPath=${encodeURIComponent(mysqlProxy.path)}`,
          JWT_SECRET: stack.jwtSecret,
          ...shape.environment,
          ...subject.environment,
        },
      };
      stack.apps[number] = startApp(number, settings);
      await stack.apps[number]?.listening;
    };

    const stack: Stack = {
      folder,
      jwtSecret: randomBytes(32).toString('hex'),
      mariadb,
      redis: createRedisServer(dataDir, ''),
      disk: undefined,
      redisProxy,
      mysqlProxy,
      apps: [],
      begin(next) {
        subject = next;
        return renew('plain');
      },
      async arrange(next) {
        const { apps: wanted, redis, environment } = next;
        // What older rounds have left would have to be rebuilt first, which takes its time where every fsync does.
        if (redis !== shape.redis) await renew(redis);
        if (!isDeepStrictEqual(environment, shape.environment)) await killApps();
        shape = next;
        const ended = stack.apps.map((app, number) => (app.pool === undefined || number >= wanted ? app : undefined));
        await Promise.all(ended.map((app) => app?.kill()));
        stack.apps.length = Math.min(stack.apps.length, wanted);
        const missing = Array.from({ length: wanted }, (_, number) => number).filter(
          (number) => stack.apps[number]?.pool === undefined,
        );
        await Promise.all(missing.map(launch));
        const ready = await Promise.all(stack.apps.map((app) => becomesReady(app, READY_LIMIT_MS)));
        if (ready.includes(false)) throw new OperatorError('an application does not become ready');
      },
      restartApp: ({ number }) => launch(number),
      async withMysql(work) {
        const mysql = await createConnection({
          socketPath: mariadb.socket,
          user: 'root',
          charset: 'utf8mb4',
          ...(database === '' ? {} : { database }),
        });
        return work(mysql).finally(() => mysql.destroy());
      },
      async withRedis(work) {
        const redis = new Redis({ path: stack.redis.socket, retryStrategy: () => null, maxRetriesPerRequest: 0 });
        redis.on('error', () => {});
        return work(redis).finally(() => redis.disconnect());
      },
    };
    remember(() => closeRedis());
    remember(async () => {
      closed = true;
      await killApps();
    });
    return { stack };
  });
