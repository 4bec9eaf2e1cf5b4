import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withFenceOfAnyNode, withoutWait } from '../faults/sabotage/clusterSabotages.ts';
import { copyProject } from '../faults/sabotage/copyProject.ts';
import type { Patch } from '../faults/sabotage/sabotage.ts';

// In a copy of the project, one rule of decision 32 is broken. A test of failover.test.ts must notice it.

interface Sabotage {
  name: string;
  /** A part of the name of the test. */
  noticedBy: string;
  /** A part of what it prints. */
  as: RegExp;
  patches: Patch[];
}

const sabotages: Sabotage[] = [
  {
    name: 'nobody waits for replicas',
    noticedBy: 'a process dies together with a master',
    as: /^ +lost {2}\(equal\)/m,
    patches: withoutWait,
  },
  {
    name: 'the fence of a promoted replica counts',
    noticedBy: 'the replicas are cut off, and then the master is killed',
    as: /^ +(lost|Expected values to be deeply equal:) {2}\(equal\)/m,
    patches: withFenceOfAnyNode,
  },
];

const test = suite('sabotages of a failover');
const root = fileURLToPath(new URL('../..', import.meta.url));

for (const { name, noticedBy, as, patches } of sabotages)
  test(`that ${name} is noticed`, async () => {
    const copy = mkdtempSync(join(tmpdir(), 'seckill-sabotage-'));
    copyProject(root, copy, patches, ['test', 'tsconfig.json']);
    const child = spawn(process.execPath, ['bin/run.mjs', 'test/cluster/failover.test.ts'], {
      cwd: copy,
      env: { ...process.env, ONLY_TEST: noticedBy },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    const [status] = await once(child, 'exit');
    rmSync(copy, { recursive: true });
    assert.is(status, 1, output);
    assert.match(output, as, output);
  });

test.run();
