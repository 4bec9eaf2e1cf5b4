import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { type Connection, createConnection } from 'mysql2/promise';
import { type Closer, openAll } from '../../../src/infra/closers.ts';
import { openDataDir } from '../../../src/infra/local/dataDir.ts';
import { ensurePrograms, findProgram } from '../../../src/infra/local/install.ts';
import { connectOnce } from '../../../src/infra/stores/mysql.ts';
import { OperatorError } from '../../../src/operatorError.ts';
import { type App, type AppSettings, becomesReady, startApp } from './applications.ts';
import { type ClusterStore, openClusterStore } from './clusterStore.ts';
import { type GaleraStore, openGaleraStore } from './galeraStore.ts';
import { mountSmallDisk, type RedisDisk, type SmallDisk, writeRedisProgram } from './redisProgram.ts';
import { withShiftedClock } from './shiftedClock.ts';
import { openStoreProxy, type StoreProxy } from './storeProxy.ts';
import { createMariadbServer, createRedisServer, type StoreServer } from './storeServers.ts';
import { openSubscribers, type Subscribers } from './subscribers.ts';
import { type Machine, originalProject, type Project, type Release, type Topology } from './topology.ts';

const READY_LIMIT_MS = 30_000;

/** Private servers, applications, and a proxy between the applications and each store. */
export interface FaultStack {
  folder: string;
  jwtSecret: string;
  mariadb: StoreServer;
  redis: StoreServer;
  smallDisk: SmallDisk | undefined;
  /** Undefined in a topology with one Redis. */
  cluster: ClusterStore['cluster'] | undefined;
  /** Undefined in a topology with one MySQL. */
  galera: GaleraStore | undefined;
  /** Of the first application. */
  redisProxy: StoreProxy;
  /** Of every application that a round may have, by number. */
  redisProxies: readonly StoreProxy[];
  mysqlProxy: StoreProxy;
  /** Undefined in a topology without subscribers. */
  subscribers: Subscribers | undefined;
  apps: App[];
  /** Starts afresh with this project: a new database, an empty Redis, no application. */
  reset(project: Project): Promise<void>;
  /** Starts and stops processes until they match the topology; resolves when every application is ready. */
  arrange(topology: Topology): Promise<void>;
  /** Starts an application in the place of one that has ended; resolves when it listens. */
  restartApp(app: App, release?: Release): Promise<void>;
  /** The folder of the last release, with its npm packages. Set before a round that needs it. */
  lastRelease: string | undefined;
  /** The name of the database. */
  database(): string;
  /** URL of the database, not through the proxy. */
  mysqlUrl(): string;
  withMysql<T>(work: (mysql: Connection) => Promise<T>): Promise<T>;
  withRedis<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
}

const noApps = { apps: 0, release: 'this', environment: {}, machines: [], subscribers: 'none' } as const;

export const openFaultStack = (announce: (line: string) => void) =>
  openAll(async (remember) => {
    ensurePrograms(['redis-server', 'mariadbd'], announce);
    const folder = mkdtempSync(join(tmpdir(), 'seckill-faults-'));
    remember(() => rmSync(folder, { recursive: true, force: true }));
    const { dataDir, close } = await openDataDir(folder);
    remember(close);
    const mariadb = createMariadbServer(dataDir, findProgram('mariadbd') ?? '');
    remember(mariadb.close);
    await mariadb.start();
    const openRedisProxy = async (number: number) => {
      const proxy = await openStoreProxy(join(folder, `to-redis-${number}.sock`), () => stack.redis.socket);
      remember(proxy.close);
      return proxy;
    };
    const redisProxy = await openRedisProxy(0);
    const redisProxies = [redisProxy, await openRedisProxy(1), await openRedisProxy(2)];
    const mysqlProxy = await openStoreProxy(join(folder, 'to-mysql.sock'), () => mariadb.socket);
    remember(mysqlProxy.close);

    let project = originalProject;
    let topology: Topology = { ...noApps, disk: 'normal', store: 'one', mysql: 'one' };
    let opened: Subscribers | undefined;
    let [clusterStore, galeraStore]: [ClusterStore | undefined, GaleraStore | undefined] = [undefined, undefined];
    let database = '';
    let redisCount = 0;
    let closed = false;
    let closeRedis: Closer = () => {};

    const mysqlUrl = (socket: string) => `mysql://root@localhost/${database}?socketPath=${encodeURIComponent(socket)}`;
    const killApps = () => Promise.all(stack.apps.splice(0).map((app) => app.kill()));
    // Every Redis has a folder of its own, so it never finds data of an older one.
    const replaceRedis = async (disk: RedisDisk) => {
      await closeRedis();
      if (closed) throw new Error('the stack is closed');
      const path = join(folder, `redis-${++redisCount}`);
      mkdirSync(path);
      stack.smallDisk = disk === 'small' ? mountSmallDisk(join(path, 'redis')) : undefined;
      const program = writeRedisProgram(path, disk, project.redis, announce);
      const redis = createRedisServer({ path, socketDir: folder }, program);
      const { smallDisk } = stack;
      closeRedis = async () => {
        await redis.close();
        smallDisk?.close();
      };
      stack.redis = redis;
      await redis.start();
    };
    const openOnce = async <Store>(before: Store | undefined, open: () => Promise<{ store: Store; close: Closer }>) => {
      if (before !== undefined) return before;
      const { store, close } = await open();
      remember(close);
      return store;
    };
    const openGalera = () => {
      const path = join(folder, 'galera');
      mkdirSync(path);
      return openGaleraStore(path, redisProxies.length, announce);
    };
    const createDatabase = async (mysql: Topology['mysql'], name: string) => {
      mariadb.thaw();
      await mariadb.start();
      if (mysql === 'galera') galeraStore = await openOnce(galeraStore, openGalera);
      stack.galera = mysql === 'galera' ? galeraStore : undefined;
      if (stack.galera !== undefined) await stack.galera.createDatabase(name);
      else await stack.withMysql((connection) => connection.query(`CREATE DATABASE ${name}`));
      database = name;
    };
    const emptyRedis = async (store: Topology['store'], disk: RedisDisk) => {
      if (store === 'cluster') {
        clusterStore = await openOnce(clusterStore, openClusterStore);
        await clusterStore.empty();
      } else await replaceRedis(disk);
      stack.cluster = store === 'cluster' ? clusterStore?.cluster : undefined;
    };
    const startAfresh = async ({ disk, store, mysql }: Pick<Topology, 'disk' | 'store' | 'mysql'>) => {
      await killApps();
      await createDatabase(mysql, `faults_${randomBytes(6).toString('hex')}`);
      await emptyRedis(store, disk);
      await opened?.forget();
      topology = { ...noApps, disk, store, mysql };
    };
    // In turn, so that a reader of the feed comes to every application.
    let turn = 0;
    const listeningPort = () => {
      const ports = stack.apps.flatMap(({ port }) => port ?? []);
      return ports[turn++ % ports.length] ?? 0;
    };
    const openSubscribersOnce = async () => {
      if (opened !== undefined) return opened;
      const { subscribers, close } = await openSubscribers(folder, listeningPort, announce);
      remember(close);
      opened = subscribers;
      return opened;
    };
    const launch = async (number: number, release: Release) => {
      if (closed) throw new Error('the stack is closed');
      const proxy = redisProxies[number];
      if (proxy === undefined) throw new Error(`application ${number} has no proxy to Redis`);
      const root = release === 'this' ? project.root : stack.lastRelease;
      if (root === undefined) throw new Error('the last release was not checked out');
      const settings: AppSettings = {
        root,
        folder,
        environment: {
          REDIS_URL: stack.cluster?.url ?? `unix://${proxy.path}`,
          MYSQL_URL: stack.galera?.url(database, number) ?? mysqlUrl(mysqlProxy.path),
          JWT_SECRET: stack.jwtSecret,
          ...stack.subscribers?.environment,
          ...topology.environment,
          ...environmentOn(topology.machines[number], join(folder, `machine-${number}`)),
          ...project.environment,
        },
      };
      stack.apps[number] = startApp(number, settings);
      await stack.apps[number]?.listening;
    };

    const stack: FaultStack = {
      folder,
      jwtSecret: randomBytes(32).toString('hex'),
      mariadb,
      redis: createRedisServer(dataDir, ''),
      smallDisk: undefined,
      cluster: undefined,
      galera: undefined,
      redisProxy,
      redisProxies,
      mysqlProxy,
      subscribers: undefined,
      apps: [],
      lastRelease: undefined,
      reset(next) {
        project = next;
        return startAfresh({ ...topology, disk: 'normal' });
      },
      async arrange(next) {
        const { apps: wanted, disk, store, mysql, release, environment, machines, subscribers } = next;
        // Without this, the new Redis would first rebuild the coupons of older rounds, which takes long on a slow disk, and new
        // subscribers would get the events of older rounds. The last release does not start on tables that this one has migrated.
        const areNew = subscribers !== 'none' && topology.subscribers === 'none';
        const isOther = disk !== topology.disk || store !== topology.store || mysql !== topology.mysql;
        if (isOther || areNew || release === 'last') await startAfresh(next);
        const areSame = isDeepStrictEqual([environment, machines], [topology.environment, topology.machines]);
        if (!areSame) await killApps();
        if (subscribers === 'none' && topology.subscribers !== 'none') await killApps();
        topology = next;
        stack.subscribers = subscribers === 'none' ? undefined : await openSubscribersOnce();
        const ended = stack.apps.map((app, number) => (app.pool === undefined || number >= wanted ? app : undefined));
        await Promise.all(ended.map((app) => app?.kill()));
        stack.apps.length = Math.min(stack.apps.length, wanted);
        const missing = Array.from({ length: wanted }, (_, number) => number).filter(
          (number) => stack.apps[number]?.pool === undefined,
        );
        await Promise.all(missing.map((number) => launch(number, release)));
        const ready = await Promise.all(stack.apps.map((app) => becomesReady(app, READY_LIMIT_MS)));
        if (ready.includes(false)) throw new OperatorError('an application does not become ready');
        if (subscribers === 'none') await opened?.orderSystem.kill();
        else await stack.subscribers?.follow(subscribers);
      },
      restartApp: ({ number }, release = topology.release) => launch(number, release),
      database: () => database,
      mysqlUrl: () => stack.galera?.url(database, 0) ?? mysqlUrl(mariadb.socket),
      async withMysql(work) {
        if (stack.galera !== undefined) {
          const { connection, close } = await connectOnce(stack.mysqlUrl());
          return work(connection.promise()).finally(close);
        }
        const mysql = await createConnection({
          socketPath: mariadb.socket,
          user: 'root',
          charset: 'utf8mb4',
          ...(database === '' ? {} : { database }),
        });
        return work(mysql).finally(() => mysql.destroy());
      },
      async withRedis(work) {
        if (stack.cluster !== undefined && clusterStore !== undefined) return clusterStore.withRedis(work);
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

const environmentOn = (machine: Machine | undefined, dataDir: string): Record<string, string> =>
  machine === undefined ? {} : { DATA_DIR: dataDir, NODE_OPTIONS: withShiftedClock(machine.clockMs) };
