// The setting JWT_SECRET: one secret, or several separated by commas. The first signs tokens, and each verifies them.

const MIN_BYTES = 32;

/** The secrets in the order of the setting. Spaces around a comma belong to no secret. */
export const secretsOf = (setting: string): string[] => setting.split(/\s*,\s*/);

/** Why the setting must not be used, without a part of any secret; undefined when every secret is good. */
export function weaknessOf(setting: string): string | undefined {
  const secrets = secretsOf(setting);
  for (const [place, secret] of secrets.entries()) {
    const name = secrets.length === 1 ? 'the secret' : `secret ${place + 1} of ${secrets.length} (separated by commas)`;
    if (Buffer.byteLength(secret) < MIN_BYTES) return `${name} is too short, expected at least ${MIN_BYTES} bytes`;
    if (secrets.indexOf(secret) < place) return `${name} repeats an earlier one`;
  }
  return undefined;
}
