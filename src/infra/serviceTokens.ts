import { createHash, timingSafeEqual } from 'node:crypto';
import { weaknessOf } from '../jwtSecrets.ts';

// The settings SERVICE_TOKENS and OPERATOR_TOKENS: `name=token`, several separated by commas. Each is for one other system, such as the
// order system, or for one operator.

const NAME = /^[A-Za-z0-9_-]{1,32}$/;

const tokensIn = (setting: string) =>
  setting.split(',').map((part) => {
    const [name = '', ...token] = part.trim().split('=');
    return { name, token: token.join('=') };
  });

/** Why the setting must not be used, without a part of any token; undefined when every token is good. */
export function weaknessOfServiceTokens(setting: string): string | undefined {
  const tokens = tokensIn(setting);
  for (const [place, { name, token }] of tokens.entries()) {
    const which = `entry ${place + 1} of ${tokens.length}`;
    // A token without a name would be printed as one.
    if (!NAME.test(name) || token === '')
      return `${which} is not name=token, with a name of at most 32 letters, digits, _ and -`;
    if (tokens.findIndex((other) => other.name === name) < place) return `${which} has the name of an earlier one`;
    if (tokens.findIndex((other) => other.token === token) < place) return `${which} repeats an earlier token`;
    if (!/^[!-~]+$/.test(token)) return `${which} has a space or a character outside ASCII`;
    const weakness = weaknessOf(token);
    if (weakness !== undefined) return `${which}: ${weakness}`;
  }
  return undefined;
}

/** Whether one token is in both settings. A token has one scope, so that a system that reads events cannot act as an operator. */
export function haveTokenInCommon(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  const tokens = new Set(tokensIn(one).map(({ token }) => token));
  return tokensIn(other).some(({ token }) => tokens.has(token));
}

/** Resolves a token to the name of its service or operator; undefined for an unknown token. */
export type FindService = (token: string) => string | undefined;

/** Keeps the tokens as hashes, and compares with all of them, so that the time of an answer depends on no token. */
export function createServiceTokens(setting: string | undefined): FindService {
  const known =
    setting === undefined ? [] : tokensIn(setting).map(({ name, token }) => ({ name, hash: sha256(token) }));
  return (token) => {
    const given = sha256(token);
    let found: string | undefined;
    for (const { name, hash } of known) if (timingSafeEqual(hash, given)) found = name;
    return found;
  };
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();
