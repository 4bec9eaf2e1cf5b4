import type { Claims } from '../http/auth.ts';
import type { Revocations } from '../infra/revocations.ts';

/** Revokes the token that came with the request, if a valid one came, on every process. */
export async function logOut(deps: { revocations: Revocations }, claims: Claims | undefined): Promise<void> {
  if (claims !== undefined) await deps.revocations.revoke(claims.jti, claims.exp);
}
