import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Quotas } from './commands/quotas.ts';
import { USERNAME } from './coupon/names.ts';
import type { LimitSettings } from './infra/limits/attemptLimits.ts';
import type { ProxySettings } from './infra/limits/clientAddress.ts';
import type { RequestLimitSettings } from './infra/limits/requestLimits.ts';
import type { ProviderSettings } from './infra/provider/providerTokens.ts';
import { haveTokenInCommon } from './infra/serviceTokens.ts';
import { OperatorError } from './operatorError.ts';
import { floodSettings } from './settings/floodSettings.ts';
import { httpSettings } from './settings/httpSettings.ts';
import { MAX_DEFAULT_WORKERS, processSettings } from './settings/processSettings.ts';
import { providerSettings } from './settings/providerSettings.ts';
import { serviceSettings } from './settings/serviceSettings.ts';
import { storeSettings } from './settings/storeSettings.ts';
import { userSettings } from './settings/userSettings.ts';
import { type KafkaSettings, kafkaAccess } from './subscribers/kafkaAccess.ts';
import { parseNatsUrl } from './subscribers/natsAddress.ts';
import type { NatsSettings } from './subscribers/natsReceiver.ts';
import type { WebhookSettings } from './webhooks/openWebhooks.ts';

/**
 * Every environment variable that the system reads. The descriptions and defaults are the text of .env.example and of the README's
 * table: after a change, run `npm run docs:config`.
 */
export const environmentSchema = z.object({
  ...httpSettings,
  ...storeSettings,
  ...userSettings,
  ...providerSettings,
  ...floodSettings,
  ...serviceSettings,
  ...processSettings,
});

export interface Config {
  port: number;
  host: string;
  /** The port of the routes of operators; undefined when they are on `port`. */
  opsPort: number | undefined;
  /** Open connections of clients, for all workers together. */
  maxConnections: number | undefined;
  /** The same for one address; 0 is no limit. */
  maxConnectionsPerAddress: number;
  /** Open streams at each worker. */
  streams: { perUser: number; perAddress: number };
  keepAliveSeconds: number;
  corsOrigins: readonly string[];
  /** The value of Strict-Transport-Security; 0: none. */
  hstsSeconds: number;
  redisUrl: string | undefined;
  mysqlUrl: string | undefined;
  /** Absolute path. */
  dataDir: string;
  /** One secret, or several separated by commas. */
  jwtSecret: string | undefined;
  tokenTtlSeconds: number;
  /** The identity provider whose tokens are accepted; undefined: none. */
  provider: ProviderSettings | undefined;
  /** Whether users can register and log in here. */
  localAccounts: boolean;
  /** The setting SERVICE_TOKENS. */
  serviceTokens: string | undefined;
  /** The setting OPERATOR_TOKENS. */
  operatorTokens: string | undefined;
  webhooks: Omit<WebhookSettings, 'key'> & { key: string | undefined };
  /** The broker that gets every event; undefined: none. */
  nats: NatsSettings | undefined;
  /** The commit of the program; undefined: that of the checkout. */
  revision: string | undefined;
  /** The Kafka cluster that gets every event; undefined: none. */
  kafka: KafkaSettings | undefined;
  workers: number;
  logLevel: string;
  logFormat: 'auto' | 'json' | 'pretty';
  /** The collector of traces; undefined when no traces are made. */
  otel: { endpoint: string; service: string; share: number } | undefined;
  /** The number of entries that may wait for MySQL before grabs get 503. */
  outboxLimit: number;
  /** How many replicas of Redis must have a decision before its success is answered; undefined: one where there are replicas. */
  waitReplicas: number | undefined;
  /** Whether to start on a Redis that may lose or evict acknowledged writes. */
  allowUnsafeRedis: boolean;
  /** Whether sellers may send simulated customers to their coupons. By default only when both stores are private. */
  allowRehearsal: boolean;
  argon2: { memoryCost: number; timeCost: number };
  proxy: ProxySettings;
  limits: LimitSettings;
  requestLimits: RequestLimitSettings;
  quotas: Quotas;
}

/**
 * The settings of a server process: both stores and the secret are known. `mysqlOwnerUrl`: the user who changes the tables, where the
 * user of `mysqlUrl` may not; undefined with a given MYSQL_URL.
 */
export type ServerConfig = Config & {
  redisUrl: string;
  mysqlUrl: string;
  mysqlOwnerUrl: string | undefined;
  jwtSecret: string;
};

/**
 * Reads the settings. An empty value counts as absent, as in a `.env` file. Throws OperatorError for the first wrong setting.
 * A command that issues no tokens needs no secret. `cores`: those that this process may use.
 */
export function readConfig(
  environment: NodeJS.ProcessEnv,
  { needsSecret = true, cores = availableParallelism() } = {},
): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    // The value of a secret, or of a URL, which may contain a password, is never printed.
    const shown =
      (SECRETS as readonly string[]).includes(name) || name.endsWith('_URL') ? '' : `, got "${given[name]}"`;
    throw new OperatorError(`${name}: ${issue?.message}${shown}`);
  }
  const env = parsed.data;
  if (
    needsSecret &&
    env.LOCAL_ACCOUNTS &&
    env.JWT_SECRET === undefined &&
    (env.REDIS_URL !== undefined || env.MYSQL_URL !== undefined)
  ) {
    throw new OperatorError('JWT_SECRET: required (at least 32 bytes) when REDIS_URL or MYSQL_URL is given');
  }
  if (haveTokenInCommon(env.SERVICE_TOKENS, env.OPERATOR_TOKENS))
    throw new OperatorError(
      'OPERATOR_TOKENS: a token is in SERVICE_TOKENS, too; a system that reads events must be no operator',
    );
  if (env.OPS_PORT === env.PORT && env.PORT !== 0) throw new OperatorError('OPS_PORT: must not be the same as PORT');
  // For its refusals: the process that delivers reads the URL again.
  if (env.NATS_URL !== undefined) parseNatsUrl(env.NATS_URL);
  const kafka = kafkaOf(env);
  const provider = providerOf(env);
  return {
    port: env.PORT,
    host: env.HOST,
    opsPort: env.OPS_PORT,
    maxConnections: env.MAX_CONNECTIONS,
    maxConnectionsPerAddress: env.MAX_CONNECTIONS_PER_ADDRESS,
    streams: { perUser: env.MAX_STREAMS_PER_USER, perAddress: env.MAX_STREAMS_PER_ADDRESS },
    keepAliveSeconds: env.KEEP_ALIVE_SECONDS,
    corsOrigins: env.CORS_ORIGINS ?? [],
    hstsSeconds: env.HSTS_SECONDS,
    redisUrl: env.REDIS_URL,
    mysqlUrl: env.MYSQL_URL,
    dataDir: resolve(env.DATA_DIR),
    jwtSecret: env.JWT_SECRET,
    tokenTtlSeconds: env.TOKEN_TTL_SECONDS,
    provider,
    localAccounts: env.LOCAL_ACCOUNTS,
    serviceTokens: env.SERVICE_TOKENS,
    operatorTokens: env.OPERATOR_TOKENS,
    webhooks: {
      perSeller: env.WEBHOOKS_PER_SELLER,
      key: env.WEBHOOK_KEY,
      privateNetworks: env.WEBHOOK_PRIVATE_ADDRESSES ?? [],
      allowHttp: env.WEBHOOK_HTTP === '1',
      ca: readCertificates(env.WEBHOOK_CA),
    },
    nats:
      env.NATS_URL === undefined
        ? undefined
        : { url: env.NATS_URL, stream: env.NATS_STREAM, subject: env.NATS_SUBJECT },
    revision: env.REVISION,
    kafka,
    workers: env.WORKERS ?? Math.min(cores, MAX_DEFAULT_WORKERS),
    logLevel: env.LOG_LEVEL,
    logFormat: env.LOG_FORMAT,
    otel:
      env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? undefined
        : {
            endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT,
            service: env.OTEL_SERVICE_NAME,
            share: env.OTEL_TRACES_SAMPLER_ARG,
          },
    outboxLimit: env.OUTBOX_LIMIT,
    waitReplicas: env.REDIS_WAIT_REPLICAS,
    allowUnsafeRedis: env.ALLOW_UNSAFE_REDIS,
    allowRehearsal:
      env.ALLOW_REHEARSAL === undefined
        ? env.LOCAL_ACCOUNTS && env.REDIS_URL === undefined && env.MYSQL_URL === undefined
        : env.ALLOW_REHEARSAL === '1',
    argon2: { memoryCost: env.ARGON2_MEMORY_KIB, timeCost: env.ARGON2_PASSES },
    proxy: { trusted: env.TRUST_PROXY, header: env.TRUST_PROXY_HEADER },
    limits: {
      failuresPerAddress: env.LOGIN_FAILURES_PER_ADDRESS,
      failuresPerAccount: env.LOGIN_FAILURES_PER_ACCOUNT,
      failuresPerPair: env.LOGIN_FAILURES_PER_ACCOUNT_AND_ADDRESS,
      registrationsPerAddress: env.REGISTRATIONS_PER_ADDRESS,
      windowSeconds: env.LIMIT_WINDOW_SECONDS,
    },
    requestLimits: {
      perUser: env.REQUESTS_PER_USER,
      perAddress: env.REQUESTS_PER_ADDRESS,
    },
    quotas: {
      keys: { customer: env.IDEMPOTENCY_KEYS_PER_CUSTOMER, seller: env.IDEMPOTENCY_KEYS_PER_SELLER },
      couponsPerSeller: env.COUPONS_PER_SELLER,
    },
  };
}

function providerOf(env: z.infer<typeof environmentSchema>): ProviderSettings | undefined {
  const { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audiences, LOCAL_ACCOUNTS: localAccounts } = env;
  if (issuer === undefined) {
    if (!localAccounts) throw new OperatorError('AUTH_ISSUER: required with LOCAL_ACCOUNTS=0');
    if (env.AUTH_JWKS_URL === undefined && audiences === undefined) return undefined;
    throw new OperatorError('AUTH_ISSUER: required with AUTH_JWKS_URL and AUTH_AUDIENCE, because tokens must name it');
  }
  if (audiences === undefined) throw new OperatorError('AUTH_AUDIENCE: required with AUTH_ISSUER');
  if (!localAccounts && env.ALLOW_REHEARSAL === '1')
    throw new OperatorError(
      'ALLOW_REHEARSAL: not with LOCAL_ACCOUNTS=0, since simulated customers have tokens of this server',
    );
  const namePrefix = env.AUTH_NAME_PREFIX ?? (localAccounts ? 'oidc:' : '');
  if (localAccounts && USERNAME.test(namePrefix))
    throw new OperatorError(
      `AUTH_NAME_PREFIX: local accounts may begin with "${namePrefix}"; add a character such as ":"`,
    );
  return {
    issuer,
    jwksUrl: env.AUTH_JWKS_URL,
    audiences,
    algorithms: env.AUTH_ALGORITHMS,
    subjectClaim: env.AUTH_SUBJECT_CLAIM,
    kindClaim: env.AUTH_KIND_CLAIM,
    sellerValues: env.AUTH_SELLER_VALUES,
    customerValues: env.AUTH_CUSTOMER_VALUES,
    namePrefix,
  };
}

function readCertificates(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new OperatorError(`WEBHOOK_CA: the file cannot be read: ${(error as Error).message}`);
  }
}

function kafkaOf(env: z.infer<typeof environmentSchema>): KafkaSettings | undefined {
  if (env.KAFKA_BROKERS === undefined) return undefined;
  const kafka = {
    brokers: env.KAFKA_BROKERS,
    topic: env.KAFKA_TOPIC,
    tls: env.KAFKA_TLS,
    ca: env.KAFKA_CA,
    cert: env.KAFKA_CERT,
    key: env.KAFKA_KEY,
    sasl: env.KAFKA_SASL,
    user: env.KAFKA_USER,
    password: env.KAFKA_PASSWORD,
  };
  kafkaAccess(kafka);
  return kafka;
}

const SECRETS = [
  'JWT_SECRET',
  'SERVICE_TOKENS',
  'OPERATOR_TOKENS',
  'WEBHOOK_KEY',
  'NATS_URL',
  // A mechanism without its password would be refused, so the three go together.
  'KAFKA_SASL',
  'KAFKA_USER',
  'KAFKA_PASSWORD',
  'REDIS_URL',
  'MYSQL_URL',
] as const;

/**
 * Reads the settings, and takes the secrets out of this environment: a process that gives its own environment here passes them to no
 * child process, and Node prints them in no diagnostic report.
 */
export function takeConfig(environment: NodeJS.ProcessEnv, options?: Parameters<typeof readConfig>[1]): Config {
  const config = readConfig(environment, options);
  for (const name of SECRETS) delete environment[name];
  return config;
}
