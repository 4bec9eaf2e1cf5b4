import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { OperatorError } from '../../src/operatorError.ts';

// The measured costs, as `npm run capacity -- measure` writes them and everything else in this folder reads them.

const amount = z.number().nonnegative();

/** The cost of a call with n grabs: `callUs` + n * `eachUs`, in microseconds. */
const lineSchema = z.object({ callUs: amount, eachUs: z.number().positive() });

const figuresSchema = z.object({
  perSecond: z.number().positive(),
  p50Ms: amount,
  p99Ms: amount,
  /** CPU microseconds of a request in the app processes, Redis, MySQL and the load. */
  nodeUs: z.number().positive(),
  redisUs: amount,
  mysqlUs: amount,
  loadUs: amount,
  /** Cores that other work on the machine has left. */
  cores: z.number().positive(),
});

const winsSchema = figuresSchema.extend({
  connections: z.number().int().positive(),
  processes: z.number().int().positive(),
  coupons: z.number().int().positive(),
  /** The mean of grabs that one script call has decided. */
  grabsPerCall: z.number().positive(),
  /** Grabs a second compared with those of one process in the same rounds, with as many coupons and connections. */
  ratio: z.number().positive(),
});

export const costsSchema = z.object({
  measured: z.object({
    at: z.string(),
    command: z.string(),
    machine: z.string(),
    system: z.string(),
    node: z.string(),
    redis: z.string(),
    mysql: z.string(),
  }),
  /** Winning grabs, by the arrangement of the app processes. */
  wins: z.object({
    one: winsSchema,
    oneWide: winsSchema,
    oneMany: winsSchema,
    workers: winsSchema,
    workersMany: winsSchema,
    machines: winsSchema,
    machinesMany: winsSchema,
    /** One process on three masters with a replica each: each 201 waits for a replica. */
    cluster: winsSchema,
    clusterMany: winsSchema,
  }),
  /**
   * A late refusal, a page of a seller with 20 coupons, a customer's own list; and `bare`, a `node:http` server that sends the bytes of
   * a late refusal, which tells how fast the machine was.
   */
  others: z.object({ late: figuresSchema, look: figuresSchema, ownList: figuresSchema, bare: figuresSchema }),
  /** CPU of Redis: the script that decides, the views, and what follows the COMMIT. */
  redis: z.object({
    decide: lineSchema,
    views: lineSchema,
    forget: lineSchema,
    /** Wall time of a script call that waits for the disk, less that of one that does not. */
    syncUs: amount,
    /** Wall time of a PING: the connection and both event loops. */
    tripUs: amount,
    bytesPerHolder: z.number().positive(),
    logBytesPerGrab: z.number().positive(),
  }),
  /** A transaction of the projection: CPU of MySQL, CPU of the app process, and wall time. */
  mysql: z.object({ cpu: lineSchema, node: lineSchema, wall: lineSchema, bytesPerEvent: z.number().positive() }),
  /** Bytes of one request and its answer, without those of TCP and TLS. */
  bytes: z.object({
    grab: z.number().positive(),
    late: z.number().positive(),
    look: z.number().positive(),
    redisPerGrab: z.number().positive(),
    mysqlPerGrab: z.number().positive(),
  }),
});

export type Costs = z.infer<typeof costsSchema>;
export type Line = z.infer<typeof lineSchema>;
export type Figures = z.infer<typeof figuresSchema>;
export type WinFigures = z.infer<typeof winsSchema>;

export const costsFile = new URL('costs.json', import.meta.url);

export function readCosts(file: URL | string = costsFile): Costs {
  const name = typeof file === 'string' ? file : 'bench/capacity/costs.json';
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new OperatorError(`${name} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new OperatorError(`${name} is not JSON`);
  }
  const { success, data, error } = costsSchema.safeParse(json);
  if (success) return data;
  const [issue] = error.issues;
  throw new OperatorError(`${name} is no file of costs: ${issue?.path.join('.')}: ${issue?.message}`);
}

export const costOf = ({ callUs, eachUs }: Line, grabs: number) => callUs + grabs * eachUs;

/** The line with the least sum of squared relative errors. A slope or a start below zero is a measuring error: it becomes (nearly) 0. */
export function fitLine(samples: readonly { grabs: number; us: number }[]): Line {
  const sum = (part: (sample: { grabs: number; us: number; weight: number }) => number) =>
    samples.reduce((total, sample) => total + part({ ...sample, weight: 1 / sample.us ** 2 }), 0);
  const weights = sum(({ weight }) => weight);
  const meanGrabs = sum(({ weight, grabs }) => weight * grabs) / weights;
  const meanUs = sum(({ weight, us }) => weight * us) / weights;
  const spread = sum(({ weight, grabs }) => weight * (grabs - meanGrabs) ** 2);
  const slope = sum(({ weight, grabs, us }) => weight * (grabs - meanGrabs) * (us - meanUs)) / spread;
  const eachUs = Math.max(slope, 0.001);
  return { callUs: Math.max(0, meanUs - eachUs * meanGrabs), eachUs };
}
