import { z } from 'zod';
import { weaknessOfServiceTokens } from '../infra/serviceTokens.ts';
import { urlOf } from './kinds.ts';

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
        'has at least 32 bytes; when absent, no system may.',
    ),
  OPERATOR_TOKENS: tokens()
    .optional()
    .describe(
      'The tokens of operators for the page `/operator` and the routes `/api/operator`, in the same form; the name of a token is the name ' +
        'in the log; when absent, there is no operator.',
    ),

  NATS_URL: urlOf('nats:', 'tls:').describe(
    'The NATS server with JetStream that gets every event: `nats://user:password@host:4222`, or `tls://...`; a user without a password is ' +
      'a token; when absent, no broker gets events.',
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
};
