import { setTimeout as sleep } from 'node:timers/promises';
import { grabCoupon } from '../../src/commands/grabCoupon.ts';
import type { System } from '../../src/system.ts';
import { customer } from '../support/testSystem.ts';

/** Two for each of sixteen coupons, since a grab of a coupon whose master is away may take seconds. */
const GRABBERS = 32;

/** A crowd that goes on until `end`, each grab by another customer: the processes and the coupons take turns. */
export function startSale(systems: readonly System[], names: readonly string[], word: string) {
  const won: { by: string; name: string }[] = [];
  const refused: string[] = [];
  let unknown = 0;
  let going = true;
  const grabber = async (number: number) => {
    const system = systems[number % systems.length] as System;
    const name = names[Math.floor(number / systems.length) % names.length] ?? '';
    for (let i = 0; going; i++) {
      const by = `${word} c-${number}-${i}`;
      try {
        const { outcome } = await grabCoupon(system, customer(by), { seller: 'ann', name });
        if (outcome === 'grabbed') won.push({ by, name });
        else refused.push(by);
      } catch {
        unknown++;
        await sleep(10);
      }
    }
  };
  const grabbers = Array.from({ length: GRABBERS }, (_, number) => grabber(number));
  const end = async () => {
    going = false;
    await Promise.all(grabbers);
  };
  return { won, refused, unknown: () => unknown, end };
}
