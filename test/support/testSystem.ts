import { createCoupon } from '../../src/commands/createCoupon.ts';
import { type GrabCoupon, grabCoupon } from '../../src/commands/grabCoupon.ts';
import type { CouponEvent } from '../../src/events.ts';
import { openAll } from '../../src/infra/closers.ts';
import { outboxDepth } from '../../src/infra/outbox.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import type { User } from '../../src/infra/tokens.ts';
import { type EventRow, rowToEvent } from '../../src/projections/log/eventRows.ts';
import { openSystem, type System } from '../../src/system.ts';
import { openTestStores } from './testStores.ts';
import { until } from './until.ts';

/** The whole system without HTTP, on stores of its own. `environment` is added to its settings. */
export const openTestSystem = (environment: NodeJS.ProcessEnv = {}) =>
  openAll(async (remember) => {
    const stores = await openTestStores(environment);
    remember(stores.close);
    const { system, close } = await openSystem(stores.config, createLog(stores.config.logLevel));
    remember(close);
    return { system, config: stores.config };
  });

export const customer = (sub: string): User => ({ sub, kind: 'customer' });
export const seller = (sub: string): User => ({ sub, kind: 'seller' });

/** The outcome of a grab, for tests that do not look at its code. */
export const grabOutcome = async (system: Parameters<typeof grabCoupon>[0], by: User, coupon: GrabCoupon) =>
  (await grabCoupon(system, by, coupon)).outcome;

/** Given a coupon of so many pieces. */
export async function givenCoupon(system: System, of: string, name: string, amount: number): Promise<void> {
  const result = await createCoupon(system, seller(of), {
    seller: of,
    name,
    amount,
    stock: 5,
    description: `${name}!`,
  });
  if (result !== 'created') throw new Error(`not created: ${result}`);
}

/** Resolves when MySQL has everything. */
export const settled = ({ redis }: Pick<System, 'redis'>): Promise<void> =>
  until('the outbox empties', async () => (await outboxDepth(redis)) === 0, 5);

/** The events of a coupon in the log, in the order of their versions. */
export async function loggedEvents({ mysql }: Pick<System, 'mysql'>, of: string, name: string): Promise<CouponEvent[]> {
  const rows: EventRow[] = await mysql('event_log').where({ seller: of, name }).orderBy('version');
  return rows.map(rowToEvent);
}
