import { setTimeout as sleep } from 'node:timers/promises';
import { openAll } from '../../src/infra/closers.ts';
import { outboxDepth } from '../../src/infra/outbox.ts';
import type { Mysql } from '../../src/infra/stores/mysql.ts';
import { connectRedis } from '../../src/infra/stores/redis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createTokenIssuer, type IssueToken } from '../../src/infra/tokens.ts';
import type { BaselineSettings } from '../baselines/baselineServer.ts';
import { openClient } from '../load/apiClient.ts';
import { type Child, startChild } from '../load/childProcess.ts';
import type { Load, Plan, Run } from '../load/loadPlan.ts';
import { openStack } from './privateStack.ts';

export const SELLER = 'bench-seller';
export const USER = { username: 'bench-user', password: 'a password', kind: 'customer' };
const SETTLE_LIMIT_MS = 120_000;

/** Where rows are measured: our stack, a bare server, and a crowd that has tokens. */
export interface Stage {
  url: string;
  bareUrl: string;
  bare: Child;
  crowd: Child;
  mysql: Mysql;
  redis: ReturnType<typeof connectRedis>['redis'];
  pids: { node: number; redis: number; mysql: number };
  connections: number;
  /** Tokens that the crowd has, so also the most customers of a plan. */
  customers: number;
  load(run: Omit<Run, 'connections' | 'url'> & { connections?: number; url?: string }): Promise<Load>;
  /** What a log-in would have given. */
  issueToken: IssueToken;
  /** Runs a plan to its last request, unmeasured; throws unless all answers have this outcome. */
  mustAnswer(outcome: string, plan: Plan): Promise<void>;
  /** Puts up coupons of so many pieces: `<prefix>-0` and on. Resolves to their paths. */
  createCoupons(prefix: string, count: number, amount: number, seller?: string): Promise<string[]>;
  /** Runs a server of bench/baselines on the same stores. */
  startBaseline(file: string): Promise<{ child: Child; url: string }>;
  /** Resolves when MySQL has everything. */
  settled(): Promise<void>;
}

/** The paths of coupons that `createCoupons` has put up. */
export const couponPaths = (prefix: string, count: number, seller = SELLER) =>
  Array.from({ length: count }, (_, i) => `/api/users/${seller}/coupons/${prefix}-${i}`);

export interface StageOptions {
  connections: number;
  customers: number;
  /** Settings of the server. */
  environment?: NodeJS.ProcessEnv;
  /** For its Node. */
  nodeArgs?: string[];
}

export const openStage = (options: StageOptions) =>
  openAll(async (remember): Promise<{ stage: Stage; secret: string }> => {
    const { connections, customers, environment = {}, nodeArgs = [] } = options;
    // Log-ins are measured as well, at the cost that a server has by default.
    const stack = await openStack({ ARGON2_MEMORY_KIB: '', ARGON2_PASSES: '', ...environment }, nodeArgs);
    remember(stack.close);
    const { url, mysql, config, pids } = stack;
    const { redis, close: closeRedis } = connectRedis(config.redisUrl, createLog('warn'));
    remember(closeRedis);
    await redis.connect();
    const crowd = startChild('bench/load/loadProcess.ts');
    remember(crowd.close);
    const bare = startChild('bench/load/bareServer.ts');
    remember(bare.close);
    const bareUrl = await bare.ask<string>('listen', undefined);

    const client = openClient(url, 1);
    await client.enter(SELLER, 'seller');
    await client.enter(USER.username, 'customer');
    await client.close();
    await crowd.ask('mint', { secret: config.jwtSecret, count: customers });
    const issueToken = createTokenIssuer(config.jwtSecret, 86_400);

    const load: Stage['load'] = (run) => crowd.ask<Load>('run', { connections, url, ...run });
    const mustAnswer: Stage['mustAnswer'] = async (outcome, plan) => {
      const { answered, outcomes } = await load({ plan, seconds: 600 });
      if (outcomes[outcome] !== answered || answered !== plan.requests)
        throw new Error(`expected ${plan.requests} times ${outcome}, got ${JSON.stringify(outcomes)}`);
    };
    const stage: Stage = {
      url,
      bareUrl,
      bare,
      crowd,
      mysql,
      redis,
      pids,
      connections,
      customers,
      load,
      issueToken,
      mustAnswer,
      async createCoupons(prefix, count, amount, seller = SELLER) {
        await mustAnswer('201', {
          method: 'POST',
          paths: [`/api/users/${seller}/coupons`],
          token: issueToken(seller, 'seller'),
          json: JSON.stringify({ name: `${prefix}-{i}`, amount, stock: 5, description: 'of the benchmark' }),
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
        return { child, url: await child.ask<string>('start', settings) };
      },
      async settled() {
        const limit = performance.now() + SETTLE_LIMIT_MS;
        while ((await outboxDepth(redis)) > 0) {
          if (performance.now() > limit) throw new Error('the outbox does not empty');
          await sleep(10);
        }
      },
    };
    return { stage, secret: config.jwtSecret };
  });
