import { resolve } from 'node:path';
import { z } from 'zod';
import { OperatorError } from './operatorError.ts';

export const SECRET_MIN_BYTES = 32;

const wholeNumber = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .catch(Number.NaN)
    .default(fallback)
    .refine(Number.isInteger, `expected a whole number from ${min} to ${max}`);

const urlOf = (...schemes: string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && schemes.includes(new URL(text).protocol),
      `expected a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`,
    )
    .optional();

/** Every environment variable that the system reads; .env.example lists the same ones, and a test holds the two together. */
export const environmentSchema = z.object({
  PORT: wholeNumber(0, 65_535, 20_080),
  HOST: z.string().default('127.0.0.1'),
  REDIS_URL: urlOf('redis:', 'rediss:', 'unix:'),
  MYSQL_URL: urlOf('mysql:', 'mariadb:'),
  DATA_DIR: z.string().default('.data'),
  JWT_SECRET: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= SECRET_MIN_BYTES, 'expected at least 32 bytes')
    .optional(),
  TOKEN_TTL_SECONDS: wholeNumber(1, 31_536_000, 86_400),
  WORKERS: wholeNumber(1, 64, 1),
  LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'expected fatal, error, warn, info, debug, trace or silent',
    )
    .default('info'),
  LOG_FORMAT: z.enum(['auto', 'json', 'pretty'], 'expected auto, json or pretty').default('auto'),
  OTEL_EXPORTER_OTLP_ENDPOINT: urlOf('http:', 'https:'),
  OTEL_SERVICE_NAME: z.string().default('seckill'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0|1|0?\.\d+|1\.0+)$/, 'expected a share from 0 to 1')
    .default('1')
    .transform(Number),
  OUTBOX_LIMIT: wholeNumber(1, 1_000_000_000, 1_000_000),
  ALLOW_UNSAFE_REDIS: z
    .enum(['0', '1'], 'expected 0 or 1')
    .default('0')
    .transform((flag) => flag === '1'),
  ALLOW_REHEARSAL: z.enum(['0', '1'], 'expected 0 or 1').optional(),
  ARGON2_MEMORY_KIB: wholeNumber(8, 1_048_576, 19_456),
  ARGON2_PASSES: wholeNumber(1, 100, 2),
});

export interface Config {
  port: number;
  host: string;
  redisUrl: string | undefined;
  mysqlUrl: string | undefined;
  /** Absolute path. */
  dataDir: string;
  jwtSecret: string | undefined;
  tokenTtlSeconds: number;
  workers: number;
  logLevel: string;
  logFormat: 'auto' | 'json' | 'pretty';
  /** Where traces go; undefined: none are made. */
  otel: { endpoint: string; service: string; share: number } | undefined;
  /** Entries that may wait for MySQL before grabs are answered 503. */
  outboxLimit: number;
  /** Start on a Redis that may lose or evict what it has acknowledged. */
  allowUnsafeRedis: boolean;
  /** Sellers may send a simulated crowd at their coupons. Where it isn't said, only with two private servers. */
  allowRehearsal: boolean;
  argon2: { memoryCost: number; timeCost: number };
}

/** What one server process needs: a Config in which every store and secret is known. */
export type ServerConfig = Config & { redisUrl: string; mysqlUrl: string; jwtSecret: string };

/**
 * Reads the settings. An empty value counts as absent, as in a `.env` file. Throws OperatorError for the first one that is wrong.
 * A command that makes no tokens needs no secret.
 */
export function readConfig(environment: NodeJS.ProcessEnv, { needsSecret = true } = {}): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    // A secret and a URL (which may hold a password) are never repeated on a terminal.
    const shown = name === 'JWT_SECRET' || name.endsWith('_URL') ? '' : `, got "${given[name]}"`;
    throw new OperatorError(`${name}: ${issue?.message}${shown}`);
  }
  const env = parsed.data;
  if (needsSecret && env.JWT_SECRET === undefined && (env.REDIS_URL !== undefined || env.MYSQL_URL !== undefined)) {
    throw new OperatorError('JWT_SECRET: required (at least 32 bytes) when REDIS_URL or MYSQL_URL is given');
  }
  return {
    port: env.PORT,
    host: env.HOST,
    redisUrl: env.REDIS_URL,
    mysqlUrl: env.MYSQL_URL,
    dataDir: resolve(env.DATA_DIR),
    jwtSecret: env.JWT_SECRET,
    tokenTtlSeconds: env.TOKEN_TTL_SECONDS,
    workers: env.WORKERS,
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
  };
}
