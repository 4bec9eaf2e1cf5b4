import { z } from 'zod';
import { isRange } from '../infra/limits/clientAddress.ts';
import { weaknessOfServiceTokens } from '../infra/serviceTokens.ts';
import { weaknessOf } from '../jwtSecrets.ts';
import { flag, urlOf, wholeNumber } from './kinds.ts';

// Other systems that get the events, and operators.

const tokens = () =>
  z.string().refine((setting) => weaknessOfServiceTokens(setting) === undefined, {
    error: ({ input }) => weaknessOfServiceTokens(String(input)),
  });

export const serviceSettings = {
  SERVICE_TOKENS: tokens()
    .optional()
    .describe(
      'The tokens of other systems that read the events (`/api/events`), as `name=token`, separated by commas; each token is random and ' +
        'has at least 32 bytes; when absent, no system can read them.',
    ),
  OPERATOR_TOKENS: tokens()
    .optional()
    .describe(
      'The tokens of operators for the page `/operator` and the routes `/api/operator`, in the same form; the name of a token is the name ' +
        'in the log; when absent, there is no operator.',
    ),

  NATS_URL: urlOf('nats:', 'tls:').describe(
    'The NATS server with JetStream that gets every event: `nats://user:password@host:4222`, or `tls://...` with the parameters `ca`, ' +
      '`cert`, `key` (paths of PEM files) and `servername`; a user without a password is a token; when absent, NATS gets no events.',
  ),
  NATS_STREAM: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected at most 64 letters, digits, _ and -')
    .default('SECKILL')
    .describe('The stream of JetStream; it is created if it is missing, and must be for this system alone.'),
  NATS_SUBJECT: z
    .string()
    .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'expected words of letters, digits, _ and - with dots between them')
    .default('seckill.events')
    .describe('The beginning of the subjects of events, which go on with `.TYPE.COUPON-ID`.'),

  WEBHOOKS_PER_SELLER: wholeNumber(0, 1_000, 5).describe(
    'How many webhooks one seller may have; webhooks that get all events are registered with a token of `SERVICE_TOKENS`.',
  ),
  WEBHOOK_KEY: z
    .string()
    .refine((setting) => weaknessOf(setting) === undefined, { error: ({ input }) => weaknessOf(String(input)) })
    .optional()
    .describe(
      'Encrypts the secrets of webhooks in MySQL: one random text of at least 32 bytes, or several separated by commas, of which the first ' +
        'encrypts; when absent, `JWT_SECRET`, and without that there are no webhooks.',
    ),
  WEBHOOK_PRIVATE_ADDRESSES: z
    .string()
    .transform((list) => list.split(',').map((part) => part.trim()))
    .refine(
      (ranges) => ranges.every(isRange),
      'expected addresses and networks such as 10.0.0.0/8, separated by commas',
    )
    .optional()
    .describe(
      'The private addresses and networks that webhooks may reach, separated by commas; every seller may then send requests there and read ' +
        'the beginning of the answers; when absent, only public addresses.',
    ),
  WEBHOOK_HTTP: flag.default('0').describe('`1`: webhooks may also use `http:`, which encrypts nothing.'),
  WEBHOOK_CA: z
    .string()
    .optional()
    .describe('A file with the certificates (PEM) of further authorities that the receivers of webhooks may have.'),
  KAFKA_BROKERS: z
    .string()
    .regex(/^[^\s:,/]+:\d{1,5}(\s*,\s*[^\s:,/]+:\d{1,5})*$/, 'expected host:port, several separated by commas')
    .optional()
    .describe(
      'Kafka brokers that get every event, as `host:port`, separated by commas; when absent, Kafka gets no events.',
    ),
  KAFKA_TOPIC: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,249}$/, 'expected at most 249 letters, digits, ., _ and -')
    .default('seckill.events')
    .describe('The topic of Kafka, which must exist; its partitions keep the order of each coupon.'),
  KAFKA_TLS: flag
    .default('0')
    .transform((value) => value === '1')
    .describe('`1`: connections to Kafka are encrypted.'),
  KAFKA_CA: z
    .string()
    .optional()
    .describe('Path of the PEM file of the CA of the Kafka brokers; when absent, the CAs of Node count.'),
  KAFKA_CERT: z.string().optional().describe('Path of the PEM file of a client certificate for Kafka.'),
  KAFKA_KEY: z.string().optional().describe('Path of the PEM file of the key of `KAFKA_CERT`.'),
  KAFKA_SASL: z
    .enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], 'expected PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512')
    .optional()
    .describe(
      'How this server logs in to Kafka: `SCRAM-SHA-512`, `SCRAM-SHA-256`, or `PLAIN`, which needs `KAFKA_TLS=1`; when absent, it ' +
        'does not log in.',
    ),
  KAFKA_USER: z.string().optional().describe('The user of `KAFKA_SASL`.'),
  KAFKA_PASSWORD: z.string().optional().describe('The password of `KAFKA_SASL`.'),
};
