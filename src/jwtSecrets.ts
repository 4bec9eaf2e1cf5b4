// The setting JWT_SECRET: one secret, or several separated by commas. The first signs tokens, and each verifies them.

const MIN_BYTES = 32;
/** A random secret of 32 hexadecimal digits has fewer with a chance of 1 in 20 million. */
const MIN_DIFFERENT_CHARACTERS = 8;

const HINT = ', for example from `openssl rand -hex 32`';

/** Published secrets that look random: the example of RFC 7515, and the one of a tutorial that many programs have copied. */
const PUBLISHED = [
  'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  '404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970',
];
/** Placeholders consist of nothing but these words: `your-256-bit-secret`, `super-secret-jwt-token-with-at-least-32-characters-long`. */
const PLACEHOLDER =
  /^(?:a|abc|access|and|any|app|at|auth|be|bits?|bytes?|change|characters?|chars?|default|dev|development|do|each|every|example|for|here|hs|i|in|insert|is|it|json|jwt|key|least|long|me|minimum|my|must|not|now|of|or|pass|passw(?:or)?d|phrase|placeholder|please|process|prod|production|put|random|replace|replica|safe|same|sample|seckill|secret|secure|server|should|sign|signing|some|strings?|strong|super|test|text|that|the|this|to|tokens?|use|used|value|very|web|with|your|123(?:4(?:5(?:6(?:7(?:8(?:90?)?)?)?)?)?)?|32|48|64|128|256|512)+$/;

/** The secrets in the order of the setting. Spaces around a comma belong to no secret. */
export const secretsOf = (setting: string): string[] => setting.split(/\s*,\s*/);

/** Why the setting must not be used, without a part of any secret; undefined when every secret is good. */
export function weaknessOf(setting: string): string | undefined {
  const secrets = secretsOf(setting);
  for (const [place, secret] of secrets.entries()) {
    const name = secrets.length === 1 ? 'the secret' : `secret ${place + 1} of ${secrets.length} (separated by commas)`;
    if (Buffer.byteLength(secret) < MIN_BYTES) return `${name} is too short, expected at least ${MIN_BYTES} bytes`;
    if (secrets.indexOf(secret) < place) return `${name} repeats an earlier one`;
    if (isRepetitive(secret)) return `${name} repeats a few characters, expected a random text${HINT}`;
    if (isWellKnown(secret)) return `${name} is a well-known example, expected a random text${HINT}`;
  }
  return undefined;
}

function isRepetitive(secret: string): boolean {
  if (new Set(secret).size < MIN_DIFFERENT_CHARACTERS) return true;
  // A text that equals itself moved by at most half of its length is one pattern over and over.
  for (let period = 1; period <= secret.length / 2; period++) if (secret.startsWith(secret.slice(period))) return true;
  return false;
}

function isWellKnown(secret: string): boolean {
  const letters = secret.toLowerCase().replace(/[^a-z0-9]/g, '');
  return PUBLISHED.includes(secret) || letters.startsWith('changeme') || PLACEHOLDER.test(letters);
}
