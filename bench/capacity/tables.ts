import { readFileSync, writeFileSync } from 'node:fs';
import { whole } from '../figures/figureTable.ts';
import { type Arrangement, simulate, simulatedCosts } from '../simulation/simulate.ts';
import { type Costs, costOf, type WinFigures } from './costs.ts';
import { sizeRows } from './sizeText.ts';
import { type Demand, FULL_BATCH, FULL_ROUND, grabCosts, type Machines, sizeOf } from './sizing.ts';

// The tables of docs/SCALING.md. All of them follow from the file of costs, and a test compares them with the document.

export const scalingDocument = new URL('../../docs/SCALING.md', import.meta.url);

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
const markdown = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [row(head), row(head.map((_, column) => (column === 0 ? '---' : '--:'))), ...rows.map(row)].join('\n');
const us = (value: number) => value.toFixed(1);

function measured({ measured, others, wins }: Costs): string {
  return markdown(
    ['', ''],
    [
      ['measured', `${measured.at}, \`${measured.command}\``],
      ['machine', `${measured.machine}, ${measured.system}`],
      ['versions', `Node ${measured.node}, Redis ${measured.redis}, MySQL ${measured.mysql}`],
      ['CPU of a bare `node:http` request, us', us(others.bare.nodeUs)],
      ['cores that other work left to the winning grabs', wins.one.cores.toFixed(2)],
    ],
  );
}

function cost(costs: Costs): string {
  const { wins, others, redis, mysql } = costs;
  const line = (name: string, { callUs, eachUs }: { callUs: number; eachUs: number }) => [
    name,
    us(callUs),
    us(eachUs),
    ...[1, 16, 128, FULL_ROUND].map((grabs) => us(costOf({ callUs, eachUs }, grabs) / grabs)),
  ];
  const parts = markdown(
    ['CPU us', 'a call', 'and each grab', 'a grab at 1 a call', '16', '128', '512'],
    [
      line('Redis: the script decides', redis.decide),
      line('Redis: the lists of the customers', redis.views),
      line('Redis: the entry is deleted', redis.forget),
      line('MySQL: a transaction', mysql.cpu),
      line('Node: a transaction', mysql.node),
    ],
  );
  const named: [string, { nodeUs: number; redisUs: number; mysqlUs: number; grabsPerCall?: number }][] = [
    ['a winning grab, one coupon', wins.one],
    ['the same on 512 connections', wins.oneWide],
    ['a winning grab, 100 coupons', wins.oneMany],
    ['a late refusal', others.late],
    ["a look: a seller's page of 20", others.look],
    ["a look: a customer's own list of 5", others.ownList],
  ];
  const requests = markdown(
    ['CPU us of a request', 'Node', 'Redis', 'MySQL', 'grabs a call'],
    named.map(([name, { nodeUs, redisUs, mysqlUs, grabsPerCall }]) => [
      name,
      ...[nodeUs, redisUs, mysqlUs].map(us),
      grabsPerCall === undefined ? '' : us(grabsPerCall),
    ]),
  );
  return `${requests}\n\n${parts}`;
}

function ends(costs: Costs): string {
  const each = grabCosts(costs);
  const { others, bytes, redis } = costs;
  const perSecond = (usEach: number) => whole(1e6 / usEach);
  return markdown(
    ['one of these', 'is full at, a second'],
    [
      ['core of an app process, winning grabs', perSecond(each.node)],
      ['core of an app process, looks', perSecond(others.look.nodeUs)],
      ['core of an app process, late refusals', perSecond(others.late.nodeUs)],
      ['core of Redis, all work of winning grabs', perSecond(each.decide + each.views + each.forget)],
      ["core of Redis, one coupon's decisions in calls as measured", perSecond(each.decide + each.forget)],
      [`core of Redis, one coupon's decisions in calls of ${FULL_ROUND}`, perSecond(each.decideFull)],
      ['synced turns of one Redis', perSecond(redis.syncUs)],
      [`MySQL, events of one coupon, ${whole(FULL_BATCH)} a transaction`, perSecond(each.mysqlWall)],
      ['core of MySQL, events', perSecond(each.mysql)],
      ['network of 1 Gbit/s, grabs', whole(1e9 / 8 / bytes.grab)],
      ['network of 1 Gbit/s, looks', whole(1e9 / 8 / bytes.look)],
    ],
  );
}

const demand = (grabs: number, looks: number): Demand => ({ grabs, looks, late: 0, customers: 10_000_000, hottest: 1 });
export const DOCUMENTED: readonly (readonly [string, Demand])[] = [
  ['10,000 grabs/s', demand(10_000, 0)],
  ['100,000 grabs/s', demand(100_000, 0)],
  ['1,000,000 grabs/s', demand(1_000_000, 0)],
  ['10,000,000 looks/s', { ...demand(0, 10_000_000), customers: 0 }],
];
export const USUAL_MACHINES: Machines = { cores: 8, busy: 0.6 };

function needs(costs: Costs): string {
  const columns = DOCUMENTED.map(([, asked]) => sizeRows(sizeOf(costs, asked, USUAL_MACHINES)));
  const names = columns[0]?.map(([part]) => part) ?? [];
  return markdown(
    ['', ...DOCUMENTED.map(([name]) => name)],
    names.map((name, place) => [name, ...columns.map((column) => column[place]?.[1] ?? '')]),
  );
}

const ARRANGED: readonly (readonly [string, keyof Costs['wins'], keyof Costs['wins']])[] = [
  ['1 process', 'one', 'oneMany'],
  ['2 workers of one machine', 'workers', 'workersMany'],
  ['2 app machines: processes with a `DATA_DIR` each', 'machines', 'machinesMany'],
];

function arrangements({ wins }: Costs): string {
  const rows = ARRANGED.map(([name, one, many]) => [name, wins[one].ratio.toFixed(2), wins[many].ratio.toFixed(2)]);
  const missing = ['a Redis Cluster', 'a coupon over K stalls'].map((name) => [
    name,
    'not measured yet',
    'not measured yet',
  ]);
  return markdown(['grabs a second, compared with 1 process', '1 coupon', '100 coupons'], [...rows, ...missing]);
}

const SEED = 17;
/** The arrangement of a measured case, with the cores that other work has left. */
const asMeasured = ({ processes, coupons, connections, cores }: WinFigures): Arrangement => ({
  ...{ processes, coupons, cores, shards: 1 },
  crowd: { connections },
});

function checked(costs: Costs): string {
  const names: Record<keyof Costs['wins'], string> = {
    one: '1 process, 1 coupon',
    oneWide: '1 process, 1 coupon, 4 times the connections',
    workers: '2 workers, 1 coupon',
    machines: '2 app machines, 1 coupon',
    oneMany: '1 process, 100 coupons',
    workersMany: '2 workers, 100 coupons',
    machinesMany: '2 app machines, 100 coupons',
  };
  const rows = Object.entries(names).map(([key, name]) => {
    const was = costs.wins[key as keyof Costs['wins']];
    const is = simulate(simulatedCosts(costs), asMeasured(was), { seconds: 2, seed: SEED });
    return [
      name,
      whole(was.perSecond),
      whole(is.perSecond),
      (is.perSecond / was.perSecond).toFixed(2),
      (is.p50Ms / was.p50Ms).toFixed(2),
      (is.grabsPerCall / was.grabsPerCall).toFixed(2),
    ];
  });
  return markdown(['', 'measured, grabs/s', 'simulated', 'ratio', 'ratio of p50', 'ratio of grabs a call'], rows);
}

/** Processes with a core each, MySQL with 16 cores, 512 connections for each process. */
export const LARGER: readonly Pick<Arrangement, 'processes' | 'shards' | 'coupons'>[] = [
  { processes: 2, shards: 1, coupons: 1 },
  { processes: 8, shards: 1, coupons: 1 },
  { processes: 32, shards: 1, coupons: 1 },
  { processes: 32, shards: 1, coupons: 100 },
  { processes: 32, shards: 4, coupons: 100 },
  { processes: 32, shards: 16, coupons: 100 },
];

function simulated(costs: Costs): string {
  const rows = LARGER.map((arrangement) => {
    const crowd = { connections: 512 * arrangement.processes };
    const result = simulate(
      simulatedCosts(costs),
      { ...arrangement, crowd, mysqlCores: 16 },
      { seconds: 0.8, seed: SEED },
    );
    const { node, redis, mysql } = result.busy;
    return [
      `${arrangement.processes}`,
      arrangement.shards,
      arrangement.coupons,
      whole(result.perSecond),
      result.p99Ms.toFixed(0),
      result.grabsPerCall.toFixed(0),
      ...[node, redis, mysql].map((busy) => busy.toFixed(2)),
    ];
  });
  return markdown(
    ['app processes', 'Redis masters', 'coupons', 'grabs/s', 'p99, ms', 'grabs a call', 'busy: Node', 'Redis', 'MySQL'],
    rows,
  );
}

export const scalingTables = (costs: Costs): Record<string, string> => ({
  measured: measured(costs),
  cost: cost(costs),
  ends: ends(costs),
  needs: needs(costs),
  arrangements: arrangements(costs),
  checked: checked(costs),
  simulated: simulated(costs),
});

const begin = (name: string) => `<!-- npm run capacity -- tables: ${name} -->\n`;
const END = '\n<!-- end -->';

/** The table of this name in the document; undefined if there is none. */
export const tableIn = (document: string, name: string) => document.split(begin(name))[1]?.split(END)[0];

export function writeTables(costs: Costs): void {
  let document = readFileSync(scalingDocument, 'utf8');
  for (const [name, table] of Object.entries(scalingTables(costs)))
    document = document.replace(`${begin(name)}${tableIn(document, name)}${END}`, () => `${begin(name)}${table}${END}`);
  writeFileSync(scalingDocument, document);
}
