import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';
import type { Mysql } from '../stores/mysql.ts';
import type { Log } from '../telemetry/log.ts';
import { type Claims, createProviderTokensOnly, createTokens, type Tokens } from '../tokens.ts';
import { openProviderKeys } from './providerKeys.ts';
import { createProviderTokens, type ProviderSettings } from './providerTokens.ts';

interface TokenSettings {
  jwtSecret: string;
  tokenTtlSeconds: number;
  localAccounts: boolean;
  provider: ProviderSettings | undefined;
}

/** The tokens that are accepted: those of this server, those of the identity provider, or both. */
export async function openTokens(
  { jwtSecret, tokenTtlSeconds, localAccounts, provider }: TokenSettings,
  deps: {
    mysql: Mysql;
    isRevoked: (claims: Claims) => boolean;
    /** Called at each request of a seller of the identity provider. */
    noteSeller: (username: string) => void;
    log: Log;
  },
): Promise<{ tokens: Tokens; close: Closer }> {
  const { isRevoked } = deps;
  if (provider === undefined) return { tokens: createTokens(jwtSecret, tokenTtlSeconds, isRevoked), close: () => {} };
  if (!localAccounts) await mustHaveNoAccounts(deps.mysql, provider.namePrefix);
  const { keys, close } = await openProviderKeys(provider, deps.log);
  const accepted = ({ sub, kind }: Claims) => {
    if (kind === 'seller') deps.noteSeller(sub);
  };
  const ofProvider = createProviderTokens(provider, keys, accepted);
  const tokens = localAccounts
    ? createTokens(jwtSecret, tokenTtlSeconds, isRevoked, undefined, ofProvider)
    : createProviderTokensOnly(isRevoked, ofProvider);
  return { tokens, close };
}

/** A subject that has the name of an account, once the prefix stands before it, would get all that the account owns. */
async function mustHaveNoAccounts(mysql: Mysql, prefix: string): Promise<void> {
  const account = await mysql('users').whereRaw('LEFT(username, ?) = ?', [prefix.length, prefix]).select('id').first();
  if (account === undefined) return;
  throw new OperatorError(
    prefix === ''
      ? 'LOCAL_ACCOUNTS: the table users has accounts, whose names subjects of the identity provider may have; set AUTH_NAME_PREFIX, or ' +
          'empty the table if each such subject is to get what the account of its name owns'
      : `AUTH_NAME_PREFIX: the table users has accounts whose names begin with "${prefix}", so a subject of the identity provider could ` +
          'be one of them; choose another prefix, such as oidc:',
  );
}
