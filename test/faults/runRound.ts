import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { checkSale } from './checker/checkSale.ts';
import type { FaultContext, FaultKind } from './kinds/faultKind.ts';
import { readRecords } from './records/readRecords.ts';
import { eachCreation, openHistory } from './records/requestHistory.ts';
import type { Violation } from './records/saleRecords.ts';
import { createPace } from './sale/pace.ts';
import { createRandom } from './sale/random.ts';
import { runSale } from './sale/runSale.ts';
import { createSaleClient, type SaleClient } from './sale/saleClient.ts';
import { createSalePlan, creationOf, type SalePlan } from './sale/salePlan.ts';
import type { FaultStack } from './stack/faultStack.ts';
import type { Topology } from './stack/topology.ts';

const FAULT_BETWEEN_MS = [250, 1_000] as const;
const DEFAULT_TOPOLOGY: Topology = {
  apps: 1,
  disk: 'normal',
  store: 'one',
  mysql: 'one',
  release: 'this',
  environment: {},
  machines: [],
  subscribers: 'none',
};
/** Requests at once while the holders of a large coupon are made. */
const GRABS_AT_ONCE = 64;
const CREATION_LIMIT_MS = 20_000;

export interface RoundResult {
  kind: string;
  seed: number;
  /** Grabs that were answered 201. */
  won: number;
  /** Grabs with an unknown outcome. */
  unknown: number;
  recovered: number;
  violations: Violation[];
  /** Time from the fault's start to the first 201 after its end; undefined if none came. */
  faultStartToWinMs: number | undefined;
  /** Time from the fault's end to the same 201. */
  faultEndToWinMs: number | undefined;
  /** Path of the history, in the stack's folder. */
  historyFile: string;
}

/** Runs one sale with one fault, and checks it after the outbox has drained. */
export async function runRound(stack: FaultStack, kind: FaultKind, seed: number): Promise<RoundResult> {
  const random = createRandom(seed);
  await stack.arrange({ ...DEFAULT_TOPOLOGY, ...kind.topology?.(random) });
  const plan = createSalePlan(random, seed.toString(36));
  const faultAfterMs = random.int(...FAULT_BETWEEN_MS);
  const historyFile = join(stack.folder, `history-${kind.name}-${seed}.ndjson`);
  const history = openHistory(historyFile);
  const issueToken = createTokenIssuer(stack.jwtSecret, 3_600);
  const client = createSaleClient(plan.seller, history, issueToken);
  const violations: Violation[] = [];
  // A generator of its own: how often the sale draws from it depends on timing, and the plan and the fault must not.
  const saleRandom = createRandom(seed + 1);
  const pace = createPace(saleRandom);
  const context: FaultContext = {
    stack,
    random,
    client,
    plan,
    pace,
    stops: [],
    report: (violation) => violations.push(violation),
  };

  const mark = await stack.subscribers?.mark();
  await createCoupons(stack, client, plan, kind.holders ?? 0);
  const times = await runSale({
    plan,
    client,
    apps: () => stack.apps.slice(0, stack.apps.length - (kind.reservedApps ?? 0)),
    random: saleRandom,
    pace,
    faultAfterMs,
    injectFault: () => kind.inject(context),
  });
  if (times.firstWinAt === undefined) violations.push({ name: 'no-recovery', sample: 'no 201 after the fault' });

  const requests = eachCreation(history.requests);
  const records = { ...(await readRecords(stack, plan.seller, requests, mark)), stops: context.stops };
  const check = checkSale(requests, records, kind.tolerance);
  violations.push(...check.violations);
  const countGrabs = (outcome: string) =>
    requests.filter((request) => request.op === 'grab' && request.outcome === outcome).length;
  const msToWin = (since: number) => (times.firstWinAt === undefined ? undefined : times.firstWinAt - since);
  history.close();
  return {
    kind: kind.name,
    seed,
    won: countGrabs('ok'),
    unknown: countGrabs('unknown'),
    recovered: check.recovered,
    violations,
    faultStartToWinMs: msToWin(times.faultStartedAt),
    faultEndToWinMs: msToWin(times.faultEndedAt),
    historyFile,
  };
}

/** Creates the coupons, and the holders of the large coupon by real grabs. */
async function createCoupons(stack: FaultStack, client: SaleClient, plan: SalePlan, holders: number): Promise<void> {
  const [app] = stack.apps;
  if (app === undefined) throw new Error('no application runs');
  for (const coupon of plan.coupons) {
    // An application is ready while one master of a Redis Cluster is open, and the coupon may be on another one.
    for (const limit = Date.now() + CREATION_LIMIT_MS; ; await sleep(100)) {
      const { outcome } = await client.send(app, creationOf(coupon));
      // Duplicate: an attempt before this one has created it.
      if (outcome === 'ok' || outcome === 'duplicate-coupon') break;
      if (outcome !== 'unknown' || Date.now() > limit) throw new Error(`a coupon could not be created: ${outcome}`);
    }
  }
  const grabInTurn = async () => {
    while (holders-- > 0) {
      const { customer, coupon, key } = plan.extraIntent();
      await client.send(app, { op: 'grab', customer, coupon }, key);
    }
  };
  await Promise.all(Array.from({ length: GRABS_AT_ONCE }, grabInTurn));
}
