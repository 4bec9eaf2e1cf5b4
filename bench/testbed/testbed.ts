import { setTimeout as sleep } from 'node:timers/promises';
import { openAll } from '../../src/infra/closers.ts';
import { outboxDepth } from '../../src/infra/outbox.ts';
import type { OpenedMasters } from '../../src/infra/shards/masters.ts';
import type { Mysql } from '../../src/infra/stores/mysql.ts';
import { openRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createTokenIssuer, type IssueToken } from '../../src/infra/tokens.ts';
import type { BaselineSettings } from '../baselines/baselineServer.ts';
import { openApiClient } from '../load/apiClient.ts';
import { type Child, startChild } from '../load/childProcess.ts';
import { openKeyServer } from '../load/keyServer.ts';
import type { LoadPlan, LoadResult, LoadRun } from '../load/loadPlan.ts';
import { openPrivateStack, type StackOptions } from './privateStack.ts';

export const SELLER = 'bench-seller';
export const USER = { username: 'bench-user', password: 'a password', kind: 'customer' };
/** More pieces than any benchmark can sell. */
export const PLENTY = 1_000_000_000;
const DRAIN_LIMIT_MS = 120_000;

/** A private stack, a bare server, and a load process that has tokens. */
export interface Testbed {
  url: string;
  bareUrl: string;
  bare: Child;
  loadProcess: Child;
  mysql: Mysql;
  redis: OpenedMasters['redis'];
  masters: OpenedMasters['masters'];
  /** `redis` is the private one. */
  pids: { node: number; redis: number; mysql: number };
  /** All processes of the Redis that is in use. */
  redisPids: readonly number[];
  connections: number;
  /** Customers with a token: the most that a plan may have. */
  customers: number;
  runLoad(run: Omit<LoadRun, 'connections' | 'url'> & { connections?: number; url?: string }): Promise<LoadResult>;
  /** Issues a token as a log-in would. */
  issueToken: IssueToken;
  /** Gives tokens of the identity provider to the customers 0 to count - 1. */
  issueProviderTokens(count: number): Promise<void>;
  /** Runs a plan to its last request, without measuring. Throws unless every answer has this outcome. */
  expectOutcome(outcome: string, plan: LoadPlan): Promise<void>;
  /** Creates the coupons `<prefix>-0`, `<prefix>-1` and so on; resolves to their paths. */
  createCoupons(
    prefix: string,
    count: number,
    amount: number,
    more?: { seller?: string; startsAt?: number },
  ): Promise<string[]>;
  /** Starts a server of bench/baselines on the same stores. */
  startBaseline(file: string): Promise<{ child: Child; url: string }>;
  /** Starts one more seckill server on the same stores, with these settings. */
  startAnother(environment: NodeJS.ProcessEnv): Promise<{ url: string; pid: number }>;
  /** Resolves when the outbox is empty: MySQL has every event. */
  drained(): Promise<void>;
}

/** The paths of the coupons that `createCoupons` creates. */
export const couponPaths = (prefix: string, count: number, seller = SELLER) =>
  Array.from({ length: count }, (_, i) => `/api/users/${seller}/coupons/${prefix}-${i}`);

export interface TestbedOptions extends StackOptions {
  connections: number;
  customers: number;
}

export const openTestbed = (options: TestbedOptions) =>
  openAll(async (remember): Promise<{ testbed: Testbed; secret: string }> => {
    const { connections, customers, environment = {}, ...server } = options;
    const { signer, environment: provider, close: closeKeyServer } = await openKeyServer();
    remember(closeKeyServer);
    // Log-ins are measured too, so password hashes cost what they cost by default.
    const stack = await openPrivateStack({
      environment: { ARGON2_MEMORY_KIB: '', ARGON2_PASSES: '', ...provider, ...environment },
      ...server,
    });
    remember(stack.close);
    const { url, mysql, config, pids, redisPids } = stack;
    const { redis, masters, close: closeRedis } = await openRedis(config.redisUrl, createLog('warn'));
    remember(closeRedis);
    const loadProcess = startChild('bench/load/loadProcess.ts');
    remember(loadProcess.close);
    const bare = startChild('bench/load/bareServer.ts');
    remember(bare.close);
    // A child that is killed rejects its calls.
    options.stop?.addEventListener('abort', () => void loadProcess.close(), { once: true });
    const bareUrl = await bare.call<string>('listen', undefined);

    const client = openApiClient(url, 1);
    await client.registerAndLogIn(SELLER, 'seller');
    await client.registerAndLogIn(USER.username, 'customer');
    await client.close();
    await loadProcess.call('issueTokens', { secret: config.jwtSecret, count: customers });
    const issueToken = createTokenIssuer(config.jwtSecret, 86_400);

    const runLoad: Testbed['runLoad'] = (run) => loadProcess.call<LoadResult>('run', { connections, url, ...run });
    const expectOutcome: Testbed['expectOutcome'] = async (outcome, plan) => {
      const { answered, outcomes } = await runLoad({ plan, seconds: 600 });
      if (outcomes[outcome] !== answered || answered !== plan.requests)
        throw new Error(`expected ${plan.requests} times ${outcome}, got ${JSON.stringify(outcomes)}`);
    };
    const testbed: Testbed = {
      url,
      bareUrl,
      bare,
      loadProcess,
      mysql,
      redis,
      masters,
      pids,
      redisPids,
      connections,
      customers,
      runLoad,
      issueToken,
      issueProviderTokens: (count) => loadProcess.call<void>('issueProviderTokens', { signer, count }),
      expectOutcome,
      async createCoupons(prefix, count, amount, { seller = SELLER, ...terms } = {}) {
        await expectOutcome('201', {
          method: 'POST',
          paths: [`/api/users/${seller}/coupons`],
          token: issueToken(seller, 'seller'),
          json: JSON.stringify({ name: `${prefix}-{i}`, amount, stock: 5, description: 'of the benchmark', ...terms }),
          firstCustomer: 0,
          customers: 1,
          offset: 0,
          requests: count,
        });
        return couponPaths(prefix, count, seller);
      },
      async startBaseline(file) {
        const child = startChild(file);
        remember(child.close);
        const { searchParams, username, pathname } = new URL(config.mysqlUrl);
        const settings: BaselineSettings = {
          secret: config.jwtSecret,
          mysql: { socketPath: searchParams.get('socketPath') ?? '', user: username, database: pathname.slice(1) },
          redisSocket: decodeURIComponent(new URL(config.redisUrl).pathname),
        };
        return { child, url: await child.call<string>('start', settings) };
      },
      startAnother: stack.startAnother,
      async drained() {
        const limit = performance.now() + DRAIN_LIMIT_MS;
        while ((await outboxDepth(redis)) > 0) {
          if (performance.now() > limit) throw new Error('the outbox does not empty');
          await sleep(10);
        }
      },
    };
    return { testbed, secret: config.jwtSecret };
  });
