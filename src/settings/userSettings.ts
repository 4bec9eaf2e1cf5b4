import { z } from 'zod';
import { weaknessOf } from '../jwtSecrets.ts';
import { wholeNumber } from './kinds.ts';

// Tokens, passwords, and the limits on log-ins and registrations.

export const userSettings = {
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
  ARGON2_MEMORY_KIB: wholeNumber(8, 1_048_576, 19_456).describe(
    'The memory cost of a password hash (argon2id), in KiB.',
  ),
  ARGON2_PASSES: wholeNumber(1, 100, 2).describe(
    'The time cost of a password hash (argon2id), in passes over its memory.',
  ),
  LIMIT_WINDOW_SECONDS: wholeNumber(1, 86_400, 900).describe(
    'The period of the four limits below, in seconds; over a limit, the answer is 429.',
  ),
  LOGIN_FAILURES_PER_ACCOUNT_AND_ADDRESS: wholeNumber(1, 1_000_000_000, 20).describe(
    'Failed log-ins to one account from one address; a log-in counts as failed until its password has been checked.',
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
};
