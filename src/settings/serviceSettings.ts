import { z } from 'zod';
import { weaknessOfServiceTokens } from '../infra/serviceTokens.ts';

// Other systems that get the events.

export const serviceSettings = {
  SERVICE_TOKENS: z
    .string()
    .refine((setting) => weaknessOfServiceTokens(setting) === undefined, {
      error: ({ input }) => weaknessOfServiceTokens(String(input)),
    })
    .optional()
    .describe(
      'The tokens of other systems that read the events (`/api/events`), as `name=token`, separated by commas; each token is random and ' +
        'has at least 32 bytes; when absent, no system may.',
    ),
};
