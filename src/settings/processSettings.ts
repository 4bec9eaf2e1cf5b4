import { z } from 'zod';
import { flag, givenNumber, urlOf } from './kinds.ts';

/** Processes that run by default on a machine with more cores: so many keep the one thread of Redis busy. */
export const MAX_DEFAULT_WORKERS = 8;

export const processSettings = {
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
  REVISION: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'expected at most 64 letters, digits, ., _ and -')
    .optional()
    .describe(
      'The commit of the program, which the page of operators shows; when absent, the commit of the checkout, which an image ' +
        'does not have.',
    ),
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
  ALLOW_REHEARSAL: flag
    .optional()
    .describe(
      '`1` lets sellers send simulated customers to their own coupons, which takes real pieces and leaves real events; when absent, ' +
        '`1` if both stores are private, otherwise `0`.',
    ),
};
