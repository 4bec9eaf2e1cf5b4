import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { secretsOf } from '../jwtSecrets.ts';

// The secrets of endpoints must be readable, since each delivery is signed with them. In MySQL they are encrypted with AES-256-GCM, so
// a copy of the database alone is worth nothing to a forger.

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** As the scheme has it: between 24 and 64 bytes. */
const SECRET_BYTES = 32;

export interface SealedSecrets {
  /** A new secret, as the receiver gets it: `whsec_` and base64. */
  create(): string;
  /** `endpoint`: a sealed secret is good for the endpoint that it was sealed for, and for no other. */
  seal(secret: string, endpoint: string): Buffer;
  /** `stale`: it was sealed with a key that is no longer the first one. Undefined when no key opens it. */
  open(sealed: Buffer, endpoint: string): { secret: string; stale: boolean } | undefined;
}

/** `setting`: one secret, or several separated by commas. The first one seals, and each opens. */
export function createSealedSecrets(setting: string): SealedSecrets {
  const keys = secretsOf(setting).map((secret) =>
    Buffer.from(hkdfSync('sha256', secret, '', 'seckill: secrets of webhooks', 32)),
  );
  return {
    create: () => `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`,
    seal(secret, endpoint) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, keys[0] as Buffer, nonce).setAAD(Buffer.from(endpoint));
      const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
    },
    open(sealed, endpoint) {
      for (const [place, key] of keys.entries()) {
        const secret = openWith(key, sealed, endpoint);
        if (secret !== undefined) return { secret, stale: place > 0 };
      }
      return undefined;
    },
  };
}

function openWith(key: Buffer, sealed: Buffer, endpoint: string): string | undefined {
  const [nonce, tag] = [sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)];
  try {
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(endpoint))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString();
  } catch {
    return undefined;
  }
}
