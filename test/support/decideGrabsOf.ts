import { decideGrabs, type GrabRequest, type GrabResult } from '../../src/commands/decideGrabs.ts';
import type { DecisionDeps } from '../../src/commands/decision.ts';
import { type CouponName, partitionOf } from '../../src/infra/keys.ts';

/** Decides grabs of one coupon with one script call. */
export async function decideGrabsOf(
  deps: DecisionDeps,
  coupon: CouponName,
  grabs: readonly GrabRequest[],
  since?: number,
): Promise<GrabResult[]> {
  const [decided] = await decideGrabs(deps, partitionOf(coupon), [{ coupon, grabs }], since);
  if (decided === undefined || 'failure' in decided) throw decided?.failure;
  return decided.results;
}
