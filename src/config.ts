import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { LimitSettings } from './infra/limits/attemptLimits.ts';
import { isRange, type ProxySettings } from './infra/limits/clientAddress.ts';
import { encodingHint } from './infra/stores/urlParameters.ts';
import { weaknessOf } from './jwtSecrets.ts';
import { OperatorError } from './operatorError.ts';

/** Processes that run by default on a machine with more cores: so many keep the one thread of Redis busy. */
const MAX_DEFAULT_WORKERS = 8;

const givenNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .catch(Number.NaN)
    .refine(Number.isInteger, `expected a whole number from ${min} to ${max}`);
const wholeNumber = (min: number, max: number, fallback: number) => givenNumber(min, max).default(fallback);

const urlOf = (...schemes: string[]) =>
  z
    .string()
    .refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), {
      error: ({ input }) =>
        `expected a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}${encodingHint(String(input))}`,
    })
    .optional();

/** The exact text that a browser sends in the header Origin. */
const isWebOrigin = (text: string) => /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;

const ranges = z
  .string()
  .default('')
  .transform((text) => text.split(/[\s,]+/).filter((range) => range !== ''))
  .refine((list) => list.every(isRange), 'expected IP addresses and CIDR ranges, separated by commas');

const flag = z.enum(['0', '1'], 'expected 0 or 1');

/**
 * Every environment variable that the system reads. The descriptions and defaults are the text of .env.example and of the README's
 * table: after a change, run `npm run docs:config`.
 */
export const environmentSchema = z.object({
  PORT: wholeNumber(0, 65_535, 20_080).describe('The port of the server; `0` takes any free port.'),
  HOST: z
    .string()
    .default('127.0.0.1')
    .describe('The address on which the server listens; `0.0.0.0` is every IPv4 address.'),
  OPS_PORT: givenNumber(0, 65_535)
    .optional()
    .describe(
      'The port of `/metrics` and `/readyz`, which `PORT` then does not have; keep it closed for clients; when absent, `PORT` has both.',
    ),
  MAX_CONNECTIONS: wholeNumber(1, 1_000_000, 20_000).describe(
    'The number of connections of clients that may be open at once, shared equally by the `WORKERS`; further ones are closed at once; ' +
      'when the limit of open files is too low for the number, it is lowered with a warning.',
  ),
  MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(0, 1_000_000, 5_000).describe(
    'The same for the connections of one address (with IPv6, of one /64 network); `0` sets no limit, which a server behind a proxy ' +
      'needs, because all of its connections come from the address of the proxy.',
  ),
  KEEP_ALIVE_SECONDS: wholeNumber(1, 3_600, 5).describe(
    'How long a connection may be idle between two requests, in seconds; behind a proxy that keeps connections open, set it longer than ' +
      'the proxy keeps them.',
  ),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(',').map((origin) => origin.trim()))
    .refine(
      (origins) => origins.every(isWebOrigin),
      'expected origins such as https://shop.example, separated by commas, without a path or a wildcard',
    )
    .optional()
    .describe(
      'The origins whose pages may use the API, separated by commas, such as `https://shop.example`; when absent, only the pages of this ' +
        'server may.',
    ),
  HSTS_SECONDS: wholeNumber(0, 63_072_000, 0).describe(
    'How long browsers are to use only TLS for this host (`Strict-Transport-Security`), in seconds; set it only when every client reaches ' +
      'the server by TLS; `0` sends no such header.',
  ),
  REDIS_URL: urlOf('redis:', 'rediss:', 'unix:').describe(
    'Redis: `redis://user:password@host:6379`, `rediss://...` or `unix:///path/of/socket`; when absent, a private Redis is started. ' +
      'docs/OPERATIONS.md has the parameters for TLS.',
  ),
  MYSQL_URL: urlOf('mysql:', 'mariadb:').describe(
    'MySQL or MariaDB: `mysql://user:password@host:3306/database` or `mysql://user@localhost/database?socketPath=/path/of/socket`; ' +
      'the database must exist; when absent, a private MariaDB is started. docs/OPERATIONS.md has the parameters for TLS.',
  ),
  DATA_DIR: z.string().default('.data').describe('The folder with the data of the private servers.'),
  JWT_SECRET: z
    .string()
    .refine((setting) => weaknessOf(setting) === undefined, { error: ({ input }) => weaknessOf(String(input)) })
    .optional()
    .describe(
      'The secret that signs tokens, at least 32 bytes, random, the same for every process; of several, separated by commas, the first ' +
        'signs and all verify, so that secrets can be rotated (docs/OPERATIONS.md); it is required when a store is given, and otherwise ' +
        'generated and kept in `DATA_DIR`.',
    ),
  TOKEN_TTL_SECONDS: wholeNumber(1, 31_536_000, 86_400).describe(
    'The lifetime of a token, in seconds; a token with a longer one is refused.',
  ),
  WORKERS: givenNumber(1, 64)
    .optional()
    .describe(
      `The number of server processes that share the port; when absent, one for each core, at most ${MAX_DEFAULT_WORKERS}.`,
    ),
  LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'expected fatal, error, warn, info, debug, trace or silent',
    )
    .default('info')
    .describe(
      'The least severe level that is logged: `fatal`, `error`, `warn` (faults and slow requests), `info` (also up to 100 other requests a second), `debug` (every request), ' +
        '`trace` or `silent`.',
    ),
  LOG_FORMAT: z
    .enum(['auto', 'json', 'pretty'], 'expected auto, json or pretty')
    .default('auto')
    .describe('`json`, `pretty`, or `auto`: `pretty` when standard error is a terminal, otherwise `json`.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: urlOf('http:', 'https:').describe(
    'The collector that receives spans by OTLP over HTTP (`/v1/traces` is appended); when absent, no traces are made.',
  ),
  OTEL_SERVICE_NAME: z.string().default('seckill').describe('The name of the service in traces.'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0|1|0?\.\d+|1\.0+)$/, 'expected a share from 0 to 1')
    .default('1')
    .transform(Number)
    .describe(
      'The share of requests that are traced, from 0 to 1, when the `traceparent` of the client does not decide.',
    ),
  OUTBOX_LIMIT: wholeNumber(1, 1_000_000_000, 1_000_000).describe(
    'The number of outbox entries that may wait for MySQL; beyond it, grabs get 503 until MySQL catches up.',
  ),
  ALLOW_UNSAFE_REDIS: flag
    .default('0')
    .transform((value) => value === '1')
    .describe('`1` starts the server even if Redis may lose or evict acknowledged grabs; then a 201 is no promise.'),
  ALLOW_REHEARSAL: flag
    .optional()
    .describe(
      '`1` lets sellers send simulated customers to their own coupons, which takes real pieces and leaves real events; when absent, ' +
        '`1` if both stores are private, otherwise `0`.',
    ),
  ARGON2_MEMORY_KIB: wholeNumber(8, 1_048_576, 19_456).describe(
    'The memory cost of a password hash (argon2id), in KiB.',
  ),
  ARGON2_PASSES: wholeNumber(1, 100, 2).describe(
    'The time cost of a password hash (argon2id), in passes over its memory.',
  ),
  TRUST_PROXY: ranges.describe(
    'The addresses and CIDR ranges of the proxies in front of the server, separated by commas: the server takes the address ' +
      'that they report for that of the client. Without it, behind a proxy, all clients share the limits of one address.',
  ),
  TRUST_PROXY_HEADER: z
    .enum(['x-forwarded-for', 'forwarded'], 'expected x-forwarded-for or forwarded')
    .default('x-forwarded-for')
    .describe('The header in which these proxies report the address: `x-forwarded-for` or `forwarded` (RFC 7239).'),
  LIMIT_WINDOW_SECONDS: wholeNumber(1, 86_400, 900).describe(
    'The period of the four limits below, in seconds. Over a limit the answer is 429.',
  ),
  LOGIN_FAILURES_PER_ACCOUNT_AND_ADDRESS: wholeNumber(1, 1_000_000_000, 20).describe(
    'Failed log-ins to one account from one address. A log-in counts as failed until its password has been checked.',
  ),
  LOGIN_FAILURES_PER_ACCOUNT: wholeNumber(1, 1_000_000_000, 100).describe(
    'Failed log-ins to one account from all addresses without an earlier successful log-in to it.',
  ),
  LOGIN_FAILURES_PER_ADDRESS: wholeNumber(1, 1_000_000_000, 2_000).describe(
    'Failed log-ins from one address (IPv6: a /64 network) to accounts without an earlier successful log-in from there.',
  ),
  REGISTRATIONS_PER_ADDRESS: wholeNumber(1, 1_000_000_000, 2_000).describe(
    'Registrations from one address (IPv6: a /64 network).',
  ),
});

export interface Config {
  port: number;
  host: string;
  /** The port of the routes of operators; undefined when they are on `port`. */
  opsPort: number | undefined;
  /** Open connections of clients, for all workers together. */
  maxConnections: number;
  /** The same for one address; 0 is no limit. */
  maxConnectionsPerAddress: number;
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
  workers: number;
  logLevel: string;
  logFormat: 'auto' | 'json' | 'pretty';
  /** The collector of traces; undefined when no traces are made. */
  otel: { endpoint: string; service: string; share: number } | undefined;
  /** The number of entries that may wait for MySQL before grabs get 503. */
  outboxLimit: number;
  /** Whether to start on a Redis that may lose or evict acknowledged writes. */
  allowUnsafeRedis: boolean;
  /** Whether sellers may send simulated customers to their coupons. By default only when both stores are private. */
  allowRehearsal: boolean;
  argon2: { memoryCost: number; timeCost: number };
  proxy: ProxySettings;
  limits: LimitSettings;
}

/** The settings of a server process: both stores and the secret are known. */
export type ServerConfig = Config & { redisUrl: string; mysqlUrl: string; jwtSecret: string };

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
    const shown = name === 'JWT_SECRET' || name.endsWith('_URL') ? '' : `, got "${given[name]}"`;
    throw new OperatorError(`${name}: ${issue?.message}${shown}`);
  }
  const env = parsed.data;
  if (needsSecret && env.JWT_SECRET === undefined && (env.REDIS_URL !== undefined || env.MYSQL_URL !== undefined)) {
    throw new OperatorError('JWT_SECRET: required (at least 32 bytes) when REDIS_URL or MYSQL_URL is given');
  }
  if (env.OPS_PORT === env.PORT && env.PORT !== 0) throw new OperatorError('OPS_PORT: must not be the same as PORT');
  return {
    port: env.PORT,
    host: env.HOST,
    opsPort: env.OPS_PORT,
    maxConnections: env.MAX_CONNECTIONS,
    maxConnectionsPerAddress: env.MAX_CONNECTIONS_PER_ADDRESS,
    keepAliveSeconds: env.KEEP_ALIVE_SECONDS,
    corsOrigins: env.CORS_ORIGINS ?? [],
    hstsSeconds: env.HSTS_SECONDS,
    redisUrl: env.REDIS_URL,
    mysqlUrl: env.MYSQL_URL,
    dataDir: resolve(env.DATA_DIR),
    jwtSecret: env.JWT_SECRET,
    tokenTtlSeconds: env.TOKEN_TTL_SECONDS,
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
    allowUnsafeRedis: env.ALLOW_UNSAFE_REDIS,
    allowRehearsal:
      env.ALLOW_REHEARSAL === undefined
        ? env.REDIS_URL === undefined && env.MYSQL_URL === undefined
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
  };
}
