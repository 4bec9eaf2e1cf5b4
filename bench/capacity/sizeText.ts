import { figureTable, whole } from '../figures/figureTable.ts';
import type { Costs } from './costs.ts';
import type { Demand, Machines, Size } from './sizing.ts';

const tenths = (value: number) => (value < 10 ? value.toFixed(1) : whole(value));

const scaled = (value: number, step: number, units: readonly string[]): string => {
  let [rest, place] = [value, 0];
  while (rest >= step && place < units.length - 1) {
    rest /= step;
    place++;
  }
  return `${tenths(rest)} ${units[place]}`;
};
export const bytesText = (bytes: number) => scaled(bytes, 1_024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
export const bitsText = (bits: number) => scaled(bits, 1_000, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);

/** What a sale needs, part by part. */
export const sizeRows = ({ app, redis, mysql, network }: Size): [part: string, need: string][] => [
  ['app processes, a core each', whole(app.processes)],
  ['app machines', whole(app.machines)],
  ['cores of Redis', tenths(redis.cores)],
  [
    'of these for the hottest coupon',
    redis.hottestCores > 1 ? `${tenths(redis.hottestCores)}, MORE THAN ONE` : tenths(redis.hottestCores),
  ],
  ['memory of Redis for the holders', bytesText(redis.memoryBytes)],
  ['cores of MySQL', tenths(mysql.cores)],
  ['disk of MySQL', bytesText(mysql.diskBytes)],
  ['events a second that MySQL falls behind', whole(mysql.behindPerSecond)],
  ['network to the customers', bitsText(network.outsideBits)],
  ['network to the stores', bitsText(network.insideBits)],
];

export function sizeText(size: Size, demand: Demand, machines: Machines, { measured }: Costs): string {
  const { grabs, looks, late, customers, hottest } = demand;
  const table = figureTable(['', 'needs']);
  for (const row of sizeRows(size)) table.push(row);
  const notes = [
    `For ${whole(grabs)} winning grabs, ${whole(looks)} looks and ${whole(late)} late grabs a second, and ${whole(customers)} customers with a piece;`,
    `${Math.round(100 * hottest)} % of the grabs want one coupon, machines have ${machines.cores} cores, and a core is busy for ${Math.round(100 * machines.busy)} %.`,
    `Costs measured on ${measured.machine}, Node ${measured.node}, Redis ${measured.redis}, MySQL ${measured.mysql}, ${measured.at}.`,
  ];
  if (size.redis.hottestCores > 1)
    notes.push(
      'One coupon is decided by one core of Redis, and a coupon cannot be split (docs/decisions/0034-one-hot-coupon.md).',
    );
  if (size.redis.masters > 1)
    notes.push(`One Redis does not carry this: its work needs ${whole(size.redis.masters)} masters. Not measured yet.`);
  if (size.mysql.behindPerSecond > 0)
    notes.push('While MySQL falls behind, the events wait in the outbox: see OUTBOX_LIMIT in the README.');
  return `${table}\n${notes.join('\n')}`;
}
