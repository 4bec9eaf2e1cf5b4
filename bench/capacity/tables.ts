import { readFileSync, writeFileSync } from 'node:fs';
import { whole } from '../figures/figureTable.ts';
import { type Costs, costOf } from './costs.ts';
import { markdown } from './markdown.ts';
import { checked, simulated } from './simulationTables.ts';
import { sizeRows } from './sizeText.ts';
import { type Demand, FULL_BATCH, FULL_ROUND, grabCosts, type Machines, sizeOf } from './sizing.ts';

// The tables of docs/SCALING.md. All of them follow from the file of costs, and a test compares them with the document.

export const scalingDocument = new URL('../../docs/SCALING.md', import.meta.url);

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
const DOCUMENTED: readonly (readonly [string, Demand])[] = [
  ['10,000 grabs/s', demand(10_000, 0)],
  ['100,000 grabs/s', demand(100_000, 0)],
  ['1,000,000 grabs/s', demand(1_000_000, 0)],
  ['10,000,000 looks/s', { ...demand(0, 10_000_000), customers: 0 }],
];
const USUAL_MACHINES: Machines = { cores: 8, busy: 0.6 };

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
  ['1 process on a Redis Cluster: 3 masters with a replica each', 'cluster', 'clusterMany'],
];

function arrangements({ wins }: Costs): string {
  const rows = ARRANGED.map(([name, one, many]) => [name, wins[one].ratio.toFixed(2), wins[many].ratio.toFixed(2)]);
  return markdown(['grabs a second, compared with 1 process', '1 coupon', '100 coupons'], rows);
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
