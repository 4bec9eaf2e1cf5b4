import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allKinds } from '../kinds/faultKinds.ts';
import { originalProject } from '../stack/topology.ts';
import { withFenceOfAnyNode } from './clusterSabotages.ts';
import { sabotages } from './sabotages.ts';

// A sabotage whose patch finds nothing proves nothing, and only the harness would say so, long after the code has moved.

const test = suite('the sabotages');
const ofTheClusterTests = { name: 'the fence names no node', patches: withFenceOfAnyNode };

for (const { name, patches = [] } of [...sabotages, ofTheClusterTests]) {
  test(`"${name}": each patch finds its place in the code once`, () => {
    for (const { file, find } of patches) {
      const path = join(originalProject.root, file);
      let times = 0;
      (existsSync(path) ? readFileSync(path, 'utf8') : '').replaceAll(find, () => String(times++));
      assert.is(times, 1, `${file}: ${find}`);
    }
  });
}

for (const { name, kinds } of sabotages) {
  test(`"${name}": its kinds of fault exist`, () => {
    for (const kind of kinds)
      assert.ok(
        allKinds.some(({ name: known }) => known === kind),
        kind,
      );
  });
}

test.run();
