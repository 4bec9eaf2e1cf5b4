import { z } from 'zod';
import { flag } from './kinds.ts';

// The identity provider whose tokens are accepted.

const isLoopback = (host: string) => host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);

/** Keys that arrive without TLS could be those of an attacker. */
export const isSafeUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, search, hash } = new URL(text);
  const isWeb = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
  return isWeb && username === '' && search === '' && hash === '';
};

const safeUrl = z
  .string()
  .refine(isSafeUrl, 'expected a URL that begins with https:// (http:// is for this machine only), without a query');

const list = z.string().transform((text) => text.split(',').map((value) => value.trim()));
const values = (fallback: string) =>
  list.refine((texts) => texts.every((text) => text !== ''), 'expected values separated by commas').prefault(fallback);

const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const;

export const providerSettings = {
  AUTH_ISSUER: safeUrl
    .optional()
    .describe(
      'The identity provider whose tokens are accepted, exactly as their claim `iss` has it; its keys are found by ' +
        '`/.well-known/openid-configuration`; when absent, only tokens of this server are accepted.',
    ),
  AUTH_JWKS_URL: safeUrl
    .optional()
    .describe('The keys of the identity provider (a JSON Web Key Set); when absent, found at `AUTH_ISSUER`.'),
  AUTH_AUDIENCE: values('')
    .optional()
    .describe('The claim `aud` that tokens of the identity provider must have; of several, separated by commas, one.'),
  AUTH_ALGORITHMS: list
    .pipe(z.array(z.enum(ALGORITHMS, `expected some of ${ALGORITHMS.join(', ')}, separated by commas`)))
    .prefault(ALGORITHMS.join(','))
    .describe('The algorithms of signatures that are accepted from the identity provider.'),
  AUTH_SUBJECT_CLAIM: z
    .string()
    .default('sub')
    .describe(
      'The claim with the name of the user, 1 to 255 characters, or the path to it; it must never change nor pass to another.',
    ),
  AUTH_KIND_CLAIM: z
    .string()
    .optional()
    .describe(
      'The claim, a text or a list of texts, that tells sellers from customers, by its exact name or else by its path ' +
        '(`realm_access.roles`); when absent, all are customers.',
    ),
  AUTH_SELLER_VALUES: values('seller').describe('The values of `AUTH_KIND_CLAIM` that make a seller.'),
  AUTH_CUSTOMER_VALUES: values('customer').describe(
    'The values of `AUTH_KIND_CLAIM` that make a customer; a token with none of either is refused.',
  ),
  AUTH_NAME_PREFIX: z
    .string()
    .regex(/^[!-~]{1,32}$/, 'expected 1 to 32 printable ASCII characters')
    .optional()
    .describe(
      'What stands before the subject in names; when absent, `oidc:`, or nothing with `LOCAL_ACCOUNTS=0`; it keeps the users of the ' +
        'identity provider apart from local accounts, so it must have a character that no local account has.',
    ),
  LOCAL_ACCOUNTS: flag
    .default('1')
    .transform((value) => value === '1')
    .describe(
      '`0` turns registration, log-in and the change of passwords off (404), and refuses tokens of this server.',
    ),
};
