import { readdirSync, readFileSync } from 'node:fs';
import { constants, getPriority } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Closer } from '../../../src/infra/closers.ts';
import { openHashThreads } from '../../../src/infra/passwords/hashThreads.ts';
import { until } from '../../support/until.ts';

const test = suite('threads that hash passwords');
const cost = { memoryCost: 8, timeCost: 1, parallelism: 1 };
const closers: Closer[] = [];
function givenThreads(...file: Parameters<typeof openHashThreads>) {
  const { hashing, close } = openHashThreads(...file);
  closers.push(close);
  return { hashing, close };
}
const messageOf = (result: Promise<unknown>) =>
  result.then(
    () => 'a result',
    ({ message }: Error) => message,
  );

/** The priorities of the threads of this process; a high number is a low priority. */
const nices = () =>
  readdirSync('/proc/self/task').map((thread) => {
    const stat = statOf(thread);
    // The second field is the name in parentheses, and the priority is field 19.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  });
/** Empty for a thread that has ended since it was listed. */
function statOf(thread: string): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
  } catch {
    return '';
  }
}
const threadsAtLowPriority = () => nices().filter((nice) => nice === constants.priority.PRIORITY_LOW).length;

test('a password matches its hash and no other one', async () => {
  const { hashing } = givenThreads();
  const hash = await hashing.hash('secret', cost);
  assert.is(await hashing.verify(hash, 'secret'), true);
  assert.is(await hashing.verify(hash, 'Secret'), false);
});

if (process.platform === 'linux') {
  test('hashes run in threads of low priority, the event loop keeps its own, and a thread that is idle is used again', async () => {
    const own = getPriority();
    const before = threadsAtLowPriority();
    const { hashing, close } = givenThreads();
    await Promise.all([hashing.hash('one', cost), hashing.hash('two', cost)]);
    for (let i = 0; i < 10; i++) await hashing.hash('more', cost);

    assert.is(threadsAtLowPriority() - before, 2);
    assert.is(getPriority(), own);

    await close();
    // A thread of low priority that has been joined may stay in the list for a moment, until it gets the processor once more.
    await until('no further thread is listed', () => threadsAtLowPriority() === before);
  });
}

test('a stored hash that is none rejects without a part of it, and the next hash works', async () => {
  const { hashing } = givenThreads();
  assert.not.match(await messageOf(hashing.verify('no hash', 'secret')), /a result|no hash|secret/);
  assert.type(await hashing.hash('secret', cost), 'string');
});

for (const [how, code] of [
  ['fails', 'throw new Error("crashed")'],
  ['ends without an error', 'process.exit()'],
] as const) {
  test(`a hash whose thread ${how} rejects, and the next hash gets another thread`, async () => {
    const thread = `
      import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ args: [password] }) => {
        if (password === 'last') ${code};
        parentPort.postMessage({ result: password });
      });`;
    const { hashing } = givenThreads(new URL(`data:text/javascript,${encodeURIComponent(thread)}`));
    assert.is(await hashing.hash('first', cost), 'first');

    assert.match(await messageOf(hashing.hash('last', cost)), /crashed|ended/);

    assert.is(await hashing.hash('next', cost), 'next');
  });
}

test('closing ends a hash under way, and no hash starts a thread afterwards', async () => {
  const { hashing, close } = givenThreads();
  const underWay = messageOf(hashing.hash('secret', { ...cost, memoryCost: 65_536, timeCost: 3 }));
  // The line starts the next hash when one has ended.
  const next = underWay.then(() => messageOf(hashing.hash('secret', cost)));

  await close();

  assert.match(await underWay, /abort/);
  assert.match(await next, /abort/);
  assert.is(process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length, 0);
});

test.after(async () => {
  for (const close of closers) await close();
});
test.run();
