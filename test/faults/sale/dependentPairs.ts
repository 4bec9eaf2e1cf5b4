import type { Command } from '../records/requestHistory.ts';
import type { App } from '../stack/applications.ts';
import type { SaleClient } from './saleClient.ts';

// Pairs of commands of which the second can succeed only after the first. Each pair has a coupon of its own.

type Step = Omit<Command, 'coupon'>;

interface Draft {
  setUp: Step[];
  first: Step;
  second: Step;
}

export interface DependentPair {
  first: Command;
  second: Command;
  /** Sent with both commands when the second one is a retry of the first. */
  key?: string;
}

/** Stands for the code that a grab of the set-up won. */
const CODE = 'code';
const FAR_OFF = Date.UTC(2100, 0) * 1_000;
const create = (amount: number, terms: NonNullable<Command['terms']> = {}): Step => ({ op: 'create', amount, terms });
const grabOf = (customer: string): Step => ({ op: 'grab', customer });
const [grabOfAda, grabOfBen] = [grabOf('Ada'), grabOf('Ben')] as const;
const soldOut = [create(1), grabOfAda];

/** The first command reaches its script without an earlier command to Redis. */
const quick: Record<string, Draft> = {
  'restock, grab': { setUp: soldOut, first: { op: 'restock', amount: 1 }, second: grabOfBen },
  'resume, grab': { setUp: [create(2), { op: 'pause' }], first: { op: 'resume' }, second: grabOfAda },
  'start, grab': {
    setUp: [create(2, { startsAt: FAR_OFF })],
    first: { op: 'change', terms: { startsAt: null } },
    second: grabOfAda,
  },
  'pause, resume': { setUp: [create(2)], first: { op: 'pause' }, second: { op: 'resume' } },
  'valid, redeem': {
    setUp: [create(2, { validFrom: FAR_OFF }), grabOfAda],
    first: { op: 'change', terms: { validFrom: null } },
    second: { op: 'redeem', code: CODE },
  },
  'grab, release': { setUp: [create(2)], first: grabOfAda, second: { op: 'release', customer: 'Ada' } },
  'create, grab': { setUp: [], first: create(2), second: grabOfAda },
};

const retriedSetUp = [create(3), grabOfBen];
const retried: Step[] = [
  grabOfAda,
  { op: 'restock', amount: 1 },
  { op: 'release', customer: 'Ben' },
  { op: 'redeem', code: CODE },
];
/** The application asks Redis first: where the code leads, which pieces are held, or to which request the key belongs. */
const slow: Record<string, Draft> = {
  'release, grab': { setUp: soldOut, first: { op: 'release', customer: 'Ada', code: CODE }, second: grabOfBen },
  'undo, redeem': {
    setUp: [create(2), grabOfAda, { op: 'redeem', code: CODE }],
    first: { op: 'undo', code: CODE },
    second: { op: 'redeem', code: CODE },
  },
  'undo, release': {
    setUp: [create(2), grabOfAda, { op: 'redeem', code: CODE }],
    first: { op: 'undo', code: CODE },
    second: { op: 'release', customer: 'Ada' },
  },
  'redeem, undo': {
    setUp: [create(2), grabOfAda],
    first: { op: 'redeem', code: CODE },
    second: { op: 'undo', code: CODE },
  },
  ...Object.fromEntries(
    retried.map((step) => [`${step.op}, retry`, { setUp: retriedSetUp, first: step, second: step }]),
  ),
};

export const slowPairs: readonly string[] = Object.keys(slow);
export const quickPairs: readonly string[] = Object.keys(quick);

/** Creates the coupon of a pair and brings it to the state before the first command. Undefined when the application does not answer. */
export async function prepare(
  client: SaleClient,
  app: App,
  pair: string,
  label: string,
): Promise<DependentPair | undefined> {
  const draft = quick[pair] ?? slow[pair];
  if (draft === undefined) throw new Error(`no such pair: ${pair}`);
  let wonCode = '';
  const commandOf = ({ customer, code, ...step }: Step): Command => ({
    ...step,
    coupon: pair,
    ...(customer === undefined ? {} : { customer: `${customer}.${label}` }),
    ...(code === undefined ? {} : { code: wonCode }),
  });
  for (const step of draft.setUp) {
    const request = await client.send(app, commandOf(step));
    if (request.outcome !== 'ok') return undefined;
    wonCode = request.wonCode ?? wonCode;
  }
  const pairOf = { first: commandOf(draft.first), second: commandOf(draft.second) };
  return pair.endsWith('retry') ? { ...pairOf, key: `${pair}.${label}` } : pairOf;
}
