import type { Revocations } from '../../infra/revocations/revocations.ts';
import type { Claims } from '../../infra/tokens.ts';

/** Revokes the token of the request on every process. A request without a valid token has none to revoke. */
export async function logOut(deps: { revocations: Revocations }, claims: Claims | undefined): Promise<void> {
  if (claims !== undefined) await deps.revocations.revoke(claims.jti, claims.exp);
}
