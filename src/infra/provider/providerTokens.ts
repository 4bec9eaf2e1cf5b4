import { hash } from 'node:crypto';
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { canBeSubject } from '../../coupon/names.ts';
import { Unavailable } from '../../unavailable.ts';
import { CLOCK_TOLERANCE_SECONDS, type Kind, type ProviderTokens } from '../tokens.ts';
import { readGoodToken } from './goodTokens.ts';
import type { ProviderKeys } from './providerKeys.ts';

/** The types of tokens that grant access. Others, such as the tokens of a log-out, are signed by the same keys. */
const TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];

export interface ProviderSettings {
  issuer: string;
  jwksUrl: string | undefined;
  audiences: readonly string[];
  algorithms: readonly string[];
  subjectClaim: string;
  /** Undefined: all users are customers. */
  kindClaim: string | undefined;
  sellerValues: readonly string[];
  customerValues: readonly string[];
  /** Before the subject in names; may be empty. */
  namePrefix: string;
}

/** Verifies the tokens of the identity provider. jose has the last word about every token that is not plainly good. */
export function createProviderTokens(
  settings: ProviderSettings,
  keys: ProviderKeys,
  accepted: ProviderTokens['accepted'],
): ProviderTokens {
  const options = {
    algorithms: [...settings.algorithms],
    issuer: settings.issuer,
    audience: [...settings.audiences],
    requiredClaims: ['exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  };
  return {
    keySet: keys.keySet,
    accepted,
    async read(token) {
      const header = headerOf(token);
      if (header === undefined || !settings.algorithms.includes(header.alg ?? '')) return undefined;
      const { typ } = header;
      if ('crit' in header || !TYPES.includes(typeof typ === 'string' ? typ.toLowerCase() : typ)) return 'invalid';
      const keySet = keys.keySet();
      try {
        const key = await keys.find(header);
        const read = 'type' in key ? await readGoodToken(token, String(header.alg), key, options) : undefined;
        if (read === 'forged') return 'invalid';
        const payload = read ?? (await jwtVerify(token, key, options)).payload;
        return claimsIn(settings, payload, tokenId(token), keySet);
      } catch (error) {
        if (error instanceof Unavailable) throw error;
        return error instanceof errors.JWTExpired ? 'expired' : 'invalid';
      }
    },
  };
}

function headerOf(token: string) {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return undefined;
  }
}

/** The same for all valid tokens with the same content: some algorithms allow a second signature, which needs no private key. */
const tokenId = (token: string) => `provider:${hash('sha256', token.slice(0, token.lastIndexOf('.')), 'base64url')}`;

function claimsIn(settings: ProviderSettings, payload: JWTPayload, jti: string, keySet: number) {
  const now = Date.now() / 1_000;
  const exp = Math.floor(payload.exp ?? 0);
  const subject = claim(payload, settings.subjectClaim);
  const kind = kindIn(settings, payload);
  if (kind === undefined || typeof subject !== 'string' || !canBeSubject(subject)) return 'invalid';
  if (!Number.isSafeInteger(exp) || (payload.iat ?? 0) > now + CLOCK_TOLERANCE_SECONDS) return 'invalid';
  // jose has the same tolerance for the expiry.
  if (exp <= now) return 'expired';
  return { sub: settings.namePrefix + subject, kind, jti, exp, keySet };
}

function kindIn({ kindClaim, sellerValues, customerValues }: ProviderSettings, payload: JWTPayload): Kind | undefined {
  if (kindClaim === undefined) return 'customer';
  const found = [claim(payload, kindClaim)].flat();
  const hasOne = (values: readonly string[]) => found.some((value) => values.includes(value as string));
  if (hasOne(sellerValues)) return 'seller';
  return hasOne(customerValues) ? 'customer' : undefined;
}

/**
 * The claim of this name, such as `https://shop.example/kind`; otherwise the one at this path, such as `realm_access.roles`. Each step of
 * the path may have dots in its own name.
 */
function claim(claims: object, name: string): unknown {
  if (Object.hasOwn(claims, name)) return (claims as Record<string, unknown>)[name];
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const step = name.slice(0, dot);
    const inner = Object.hasOwn(claims, step) ? (claims as Record<string, unknown>)[step] : undefined;
    if (typeof inner !== 'object' || inner === null) continue;
    const found = claim(inner, name.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}
