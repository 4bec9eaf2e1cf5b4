import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import { openPrivateStack } from '../../bench/testbed/privateStack.ts';
import { createProgram, interruptible, runProgram, stopSignal } from '../../src/cli.ts';
import { openAll } from '../../src/infra/closers.ts';
import { outboxDepth } from '../../src/infra/outbox.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { connectRedis } from '../../src/infra/shards/connectRedis.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { startProgram } from '../support/program.ts';
import { attack, type Outcome } from './attack.ts';
import { fuzzSettings } from './known.ts';
import { hasGrown, openMemoryMeter, WARM_UP } from './memoryGrowth.ts';

// Sends valid, nearly valid and hostile requests to a private server. Afterwards the server must still run and be ready, must not
// have grown, and Redis, MySQL and the log must agree.

const LARGEST_SEED = 2 ** 31 - 1;
const DRAIN_LIMIT_MS = 120_000;
const TOKEN_SECONDS = 86_400;
const MIB = 2 ** 20;

const wholeNumber = (min: number) => (text: string) => {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > LARGEST_SEED)
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${LARGEST_SEED}.`);
  return number;
};

const program = createProgram('npm run fuzz --', 'Random requests of all kinds; the last line is `N passed, N failed`.')
  .option('--requests <n>', 'the number of requests', wholeNumber(1), 2_000)
  .option('--seed <n>', 'the same seed plans the same requests', wholeNumber(0), Date.now() % LARGEST_SEED)
  .parse();
const { requests, seed } = program.opts<{ requests: number; seed: number }>();

const openTarget = () =>
  openAll(async (remember) => {
    const meter = await openMemoryMeter();
    remember(meter.close);
    const environment = { LOG_LEVEL: 'silent', ...fuzzSettings };
    const stack = await openPrivateStack({ environment, nodeArgs: meter.nodeArgs });
    remember(stack.close);
    const { redis, close: closeRedis } = connectRedis(stack.config.redisUrl, createLog('warn'));
    remember(closeRedis);
    await redis.connect();
    const memory = () => meter.read({ url: stack.url, pid: stack.pids.node });
    return { stack, redis, memory };
  });
type Target = Awaited<ReturnType<typeof openTarget>>;

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** What must hold after the requests, each with the line that is printed when it does not. */
async function checksAfter(
  { stack, redis, memory }: Target,
  warm: number | undefined,
): Promise<[holds: boolean, line: string][]> {
  const inMib = (bytes: number) => Math.round(bytes / MIB);
  const end = isRunning(stack.pids.node) ? await memory() : 0;
  if (warm !== undefined)
    console.log(`memory in use: ${inMib(warm)} MiB after ${WARM_UP} requests, ${inMib(end)} MiB at the end`);
  const ready = await fetch(`${stack.url}/readyz`).then(
    ({ status }) => status === 200,
    () => false,
  );
  const drained = await isDrained(redis);
  const { mysqlUrl, redisUrl } = stack.config;
  const { status, stdout, stderr } = await startProgram('src/tools/verify.ts', {
    MYSQL_URL: mysqlUrl,
    REDIS_URL: redisUrl,
  }).ended;
  console.log(`${stdout}${status === 0 ? '' : stderr}`.trimEnd());
  return [
    [isRunning(stack.pids.node), 'the server process has ended'],
    [ready, '/readyz does not answer 200'],
    [!hasGrown(warm, end), 'the memory of the server has grown by more than 50 MiB'],
    [drained, 'the outbox does not empty'],
    [status === 0, 'npm run verify has found a mismatch'],
  ];
}

async function isDrained(redis: Target['redis']): Promise<boolean> {
  for (const limit = performance.now() + DRAIN_LIMIT_MS; performance.now() < limit; await sleep(20))
    if ((await outboxDepth(redis)) === 0) return true;
  return false;
}

async function run(target: Target) {
  const { url, config } = target.stack;
  const progress = startProgress();
  let warm: number | undefined;
  const started = performance.now();
  const outcome: Outcome = await attack({
    url,
    issue: createTokenIssuer(config.jwtSecret, TOKEN_SECONDS),
    requests,
    seed,
    async onPart(sent) {
      if (sent >= WARM_UP) warm ??= await target.memory();
      progress.show({ label: 'fuzzing', done: Math.min(sent, requests), of: requests });
    },
  });
  progress.stop();
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  const statuses = [...outcome.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  console.log(`${outcome.sent} requests in ${seconds} s; answers by status: ${statuses.join(', ')}`);
  for (const { rule, request } of outcome.faults) console.log(`FAILED ${rule}\n  ${request}`);
  const checks = await checksAfter(target, warm);
  const broken = checks.filter(([holds]) => !holds);
  for (const [, line] of broken) console.log(`FAILED ${line}`);
  return {
    passed: outcome.sent - outcome.faulty + checks.length - broken.length,
    failed: outcome.faulty + broken.length,
  };
}

await runProgram(async () => {
  // Before the stack opens: a signal that arrives meanwhile takes effect when the stack can be closed again.
  const stopped = stopSignal();
  console.log(`seed ${seed}`);
  const target = await openTarget();
  let result = { passed: 0, failed: 1 };
  try {
    result = await interruptible(stopped, run(target));
  } finally {
    await target.close();
  }
  if (result.failed > 0) console.log(`repeat: npm run fuzz -- --requests ${requests} --seed ${seed}`);
  console.log(`${result.passed} passed, ${result.failed} failed`);
  process.exit(result.failed === 0 ? 0 : 1);
});
