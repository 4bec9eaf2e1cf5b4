import Table from 'cli-table3';

export interface GrowthRow {
  what: string;
  /** The row of the same run that it is compared with. */
  base: string;
  perSecond: number;
  /** CPU time a grab, in microseconds. */
  nodeUs: number;
  redisUs: number;
  mysqlUs: number;
}

export interface GrowthResult {
  rows: GrowthRow[];
  /** Resident memory of Node in MiB after so many grabs of the one coupon. */
  memory: [grabs: number, mib: number][];
  redisBytesPerHolder: number;
  mysqlBytesPerEvent: number;
}

const FLAT = 0.1;
/** By then what is bounded is full. */
const FULL_AFTER = 300_000;
const style = { head: [], border: [], compact: true };
const whole = (value: number) => Math.round(value).toLocaleString('en');

export function growthTable({ rows, memory, redisBytesPerHolder, mysqlBytesPerEvent }: GrowthResult): string {
  const costs = new Table({
    head: ['', 'req/s', 'CPU us: Node', 'Redis', 'MySQL', 'compared with', 'Node', 'Redis', 'MySQL'],
    style,
    colAligns: ['left', 'right', 'right', 'right', 'right', 'left', 'right', 'right', 'right'],
  });
  const ratio = (value: number, base: number | undefined) => {
    const times = value / (base || Number.NaN);
    return `${times.toFixed(2)}${Math.abs(times - 1) <= FLAT ? '' : ' *'}`;
  };
  for (const { what, base, perSecond, nodeUs, redisUs, mysqlUs } of rows) {
    const first = rows.find((row) => row.what === base);
    const ratios = [ratio(nodeUs, first?.nodeUs), ratio(redisUs, first?.redisUs), ratio(mysqlUs, first?.mysqlUs)];
    costs.push([
      what,
      whole(perSecond),
      nodeUs.toFixed(1),
      redisUs.toFixed(1),
      mysqlUs.toFixed(1),
      ...(what === base ? ['', '', '', ''] : [base, ...ratios]),
    ]);
  }
  const sizes = new Table({ head: ['grabs', 'Node, MiB'], style, colAligns: ['right', 'right'] });
  for (const [grabs, mib] of memory) sizes.push([whole(grabs), mib]);
  return `${costs.toString()}
*: more than ${FLAT * 100} % from the row that it is compared with
${sizes.toString()}
${verdictOf(memory)}
Redis: ${redisBytesPerHolder.toFixed(0)} bytes a holder, with the customer's own list; MySQL: ${mysqlBytesPerEvent.toFixed(0)} bytes an event, with its grab and all indexes`;
}

/** Whether memory stays where it was once what is bounded was full. */
function verdictOf(memory: GrowthResult['memory']): string {
  const after = memory.filter(([grabs]) => grabs >= FULL_AFTER).map(([, mib]) => mib);
  const [first] = after;
  const last = after.at(-1);
  if (first === undefined || last === undefined || after.length < 2) return 'memory: too few grabs to say';
  const grown = last / first - 1;
  return `memory from ${whole(FULL_AFTER)} grabs on: ${(100 * grown).toFixed(1)} %, ${grown <= FLAT ? 'flat' : 'NOT FLAT'}`;
}
