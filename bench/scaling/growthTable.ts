import Table from 'cli-table3';
import { figureTable, whole } from '../figures/figureTable.ts';

export interface GrowthRow {
  label: string;
  /** Label of the row of the same run that this row is compared with. */
  base: string;
  perSecond: number;
  /** CPU time of a grab, in microseconds. */
  nodeUs: number;
  redisUs: number;
  mysqlUs: number;
}

export interface GrowthResult {
  rows: GrowthRow[];
  /** Resident memory of Node in MiB, after this many grabs of the one coupon. */
  memory: [grabs: number, mib: number][];
  redisBytesPerHolder: number;
  mysqlBytesPerEvent: number;
}

/** Costs and memory that change by no more than this share are called flat. */
const FLAT = 0.1;
/** After this many grabs, every bounded cache and queue is full. */
const FULL_AFTER = 300_000;

export function growthTable({ rows, memory, redisBytesPerHolder, mysqlBytesPerEvent }: GrowthResult): string {
  const costs = new Table({
    head: ['', 'req/s', 'CPU us: Node', 'Redis', 'MySQL', 'compared with', 'Node', 'Redis', 'MySQL'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'left', 'right', 'right', 'right'],
  });
  const ratio = (value: number, base: number | undefined) => {
    const times = value / (base || Number.NaN);
    return `${times.toFixed(2)}${Math.abs(times - 1) <= FLAT ? '' : ' *'}`;
  };
  for (const { label, base, perSecond, nodeUs, redisUs, mysqlUs } of rows) {
    const first = rows.find((row) => row.label === base);
    const ratios = [ratio(nodeUs, first?.nodeUs), ratio(redisUs, first?.redisUs), ratio(mysqlUs, first?.mysqlUs)];
    costs.push([
      label,
      whole(perSecond),
      nodeUs.toFixed(1),
      redisUs.toFixed(1),
      mysqlUs.toFixed(1),
      ...(label === base ? ['', '', '', ''] : [base, ...ratios]),
    ]);
  }
  const sizes = figureTable(['grabs', 'Node, MiB'], 0);
  for (const [grabs, mib] of memory) sizes.push([whole(grabs), mib]);
  return `${costs.toString()}
*: differs by more than ${FLAT * 100} % from the row that it is compared with
${sizes.toString()}
${memoryVerdict(memory)}
Redis: ${redisBytesPerHolder.toFixed(0)} bytes a holder, with the customer's own list; MySQL: ${mysqlBytesPerEvent.toFixed(0)} bytes an event, with its grab and all indexes`;
}

/** Says whether memory stays flat after every bounded cache and queue is full. */
function memoryVerdict(memory: GrowthResult['memory']): string {
  const after = memory.filter(([grabs]) => grabs >= FULL_AFTER).map(([, mib]) => mib);
  const [first] = after;
  const last = after.at(-1);
  if (first === undefined || last === undefined || after.length < 2) return 'memory: too few grabs for a verdict';
  const growth = last / first - 1;
  return `memory from ${whole(FULL_AFTER)} grabs on: ${(100 * growth).toFixed(1)} %, ${growth <= FLAT ? 'flat' : 'NOT FLAT'}`;
}
