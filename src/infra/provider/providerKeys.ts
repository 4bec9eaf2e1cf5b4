import { createLocalJWKSet, errors, type JWSHeaderParameters, type LocalJWKSet } from 'jose';
import { z } from 'zod';
import { OperatorError } from '../../operatorError.ts';
import { isSafeUrl } from '../../settings/providerSettings.ts';
import { Unavailable } from '../../unavailable.ts';
import type { Closer } from '../closers.ts';
import type { Log } from '../telemetry/log.ts';
import { fetchJson } from './fetchJson.ts';

/** Keys are fetched at most once in this time, however many tokens name an unknown key. */
const COOLDOWN_MS = 5_000;
/** A key that the provider withdraws is accepted for this long at most, while the provider can be reached. */
const REFRESH_MS = 300_000;

const keySetSchema = z.looseObject({
  keys: z
    .array(z.looseObject({ kty: z.string() }))
    .refine((keys) => keys.some(({ kty }) => ['RSA', 'EC', 'OKP'].includes(kty)), 'no key can verify a signature'),
});
const discoverySchema = z.looseObject({ issuer: z.string(), jwks_uri: z.string() });

interface KeySet {
  find: LocalJWKSet;
  ids: ReadonlySet<unknown>;
  /** The keys as texts. */
  texts: ReadonlySet<string>;
}

export interface ProviderKeys {
  /** The key that the header names. Throws Unavailable when the provider may have a key that is not known here. */
  find(header?: JWSHeaderParameters): ReturnType<LocalJWKSet>;
  /** Rises when the provider withdraws a key: what older keys have verified must be verified again. */
  keySet(): number;
}

/**
 * The keys of the identity provider. They are fetched at the start, every five minutes, and when a token names an unknown key. While the
 * provider cannot be reached, the last keys stay. Throws OperatorError when the provider has another issuer than the settings.
 */
export async function openProviderKeys(
  { issuer, jwksUrl }: { issuer: string; jwksUrl: string | undefined },
  log: Log,
  { cooldownMs = COOLDOWN_MS, refreshMs = REFRESH_MS } = {},
): Promise<{ keys: ProviderKeys; close: Closer }> {
  let url = jwksUrl;
  let known: KeySet | undefined;
  let number = 1;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<boolean> | undefined;
  const closing = new AbortController();

  const fetchKeys = async () => {
    url ??= await discover(issuer, closing.signal);
    const found = keySetSchema.parse(await fetchJson(url, closing.signal));
    const set = createLocalJWKSet(found as Parameters<typeof createLocalJWKSet>[0]);
    const texts = new Set(found.keys.map((key) => JSON.stringify(key)));
    for (const text of known?.texts ?? []) {
      if (texts.has(text)) continue;
      number++;
      break;
    }
    known = { find: set, ids: new Set(found.keys.map(({ kid }) => kid)), texts };
  };
  /** True when keys were fetched after this call. */
  const refresh = (): Promise<boolean> => {
    if (fetching !== undefined) return fetching;
    if (performance.now() - attemptedAt < cooldownMs) return Promise.resolve(false);
    attemptedAt = performance.now();
    fetching = fetchKeys()
      .then(
        () => true,
        (err) => {
          if (known === undefined && err instanceof OperatorError) throw err;
          // The provider may have moved its keys.
          url = jwksUrl;
          if (!closing.signal.aborted) log.warn({ err }, 'fetching the keys of the identity provider failed');
          return false;
        },
      )
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };
  const unknownKey = () => {
    const secondsLeft = Math.ceil((attemptedAt + cooldownMs - performance.now()) / 1_000);
    return new Unavailable('the keys of the identity provider are not known', Math.max(1, secondsLeft));
  };

  await refresh();
  const timer = setInterval(() => refresh().catch(() => {}), refreshMs).unref();
  const keys: ProviderKeys = {
    keySet: () => number,
    async find(header) {
      const found = await known?.find(header).catch((error) => unlessUnknown(known, header, error));
      if (found !== undefined) return found;
      // A fetch that was under way may have begun before the provider had the key. The client's next attempt begins a new one.
      const isNew = await refresh().catch(() => false);
      if (known === undefined) throw unknownKey();
      return known.find(header).catch((error) => {
        if (!isNew) unlessUnknown(known, header, error);
        throw isNew ? error : unknownKey();
      });
    },
  };
  const close: Closer = async () => {
    clearInterval(timer);
    closing.abort();
    await fetching?.catch(() => {});
  };
  return { keys, close };
}

/** Undefined when the key set lacks the key. Throws for a key that the set has and that does not fit the token. */
function unlessUnknown(known: KeySet | undefined, header: JWSHeaderParameters | undefined, error: unknown): undefined {
  if (!(error instanceof errors.JWKSNoMatchingKey) || known?.ids.has(header?.kid)) throw error;
  return undefined;
}

/** The URL of the keys, by OpenID Connect Discovery. */
async function discover(issuer: string, signal: AbortSignal): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { issuer: named, jwks_uri } = discoverySchema.parse(await fetchJson(url, signal));
  if (named !== issuer) throw new OperatorError(`AUTH_ISSUER: the provider calls itself "${named}", not "${issuer}"`);
  if (!isSafeUrl(jwks_uri)) throw new OperatorError(`AUTH_ISSUER: its keys are at an unsafe URL: ${jwks_uri}`);
  return jwks_uri;
}
