import { z } from 'zod';
import { isRange } from '../infra/limits/clientAddress.ts';
import { givenNumber, wholeNumber } from './kinds.ts';

// The port, the connections of clients, and the proxy in front of the server.

/** The exact text that a browser sends in the header Origin. */
const isWebOrigin = (text: string) => /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;

const ranges = z
  .string()
  .default('')
  .transform((text) => text.split(/[\s,]+/).filter((range) => range !== ''))
  .refine((list) => list.every(isRange), 'expected IP addresses and CIDR ranges other than /0, separated by commas');

export const httpSettings = {
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
  MAX_CONNECTIONS: givenNumber(1, 1_000_000)
    .optional()
    .describe(
      'The number of connections of clients that may be open at once, shared equally by the `WORKERS`; further ones are closed at once; ' +
        'when absent, 20,000, or as many as the limit of open files allows; a number above that limit is lowered with a warning.',
    ),
  MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(0, 1_000_000, 5_000).describe(
    'The same for the connections of one address (with IPv6, of one /64 network); `0` sets no limit, which a server behind a proxy ' +
      'needs, because all of its connections come from the address of the proxy.',
  ),
  MAX_STREAMS_PER_USER: wholeNumber(1, 1_000_000, 20).describe(
    'The number of streams (`/api/live`) of one user that each server process keeps open; further ones get 429.',
  ),
  MAX_STREAMS_PER_ADDRESS: wholeNumber(1, 1_000_000, 500).describe(
    'The same for the streams of one address (IPv6: a /64 network), which `TRUST_PROXY` affects.',
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
    'How long browsers are to use only TLS for this host (`Strict-Transport-Security`), in seconds; the header is sent when a proxy in ' +
      '`TRUST_PROXY` reports that the client came by TLS; `0` never sends it.',
  ),
  TRUST_PROXY: ranges.describe(
    'The addresses and CIDR ranges of the proxies in front of the server, separated by commas: the server takes the address ' +
      'that they report for that of the client; without it, behind a proxy, all clients share the limits of one address.',
  ),
  TRUST_PROXY_HEADER: z
    .enum(['x-forwarded-for', 'forwarded'], 'expected x-forwarded-for or forwarded')
    .default('x-forwarded-for')
    .describe(
      'The header in which these proxies report the address: `x-forwarded-for` (then `X-Forwarded-Proto` reports TLS) or `forwarded` ' +
        '(RFC 7239, which reports both).',
    ),
};
