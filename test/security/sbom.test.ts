import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/dockerfile.ts';
import { fetched, manifests } from '../support/packages.ts';

// `npm run sbom`, held against the schema of CycloneDX and against package-lock.json.

interface Component {
  'bom-ref': string;
  name: string;
  version: string;
  purl?: string;
  hashes?: { alg: string; content: string }[];
  licenses: unknown[];
}
interface Sbom {
  bomFormat: string;
  specVersion: string;
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}

const folder = mkdtempSync(join(tmpdir(), 'seckill-sbom-'));
const file = join(folder, 'sbom.json');
const { status, stderr } = spawnSync(process.execPath, ['bin/run.mjs', 'test/writeSbom.ts', file], {
  cwd: root,
  encoding: 'utf8',
});
assert.is(status, 0, stderr);
const text = readFileSync(file, 'utf8');
rmSync(folder, { recursive: true });
const sbom: Sbom = JSON.parse(text);
const inProduction = fetched.filter(({ dev }) => !dev);

const test = suite('npm run sbom');

test('the document is valid by the schema of CycloneDX 1.6', () => {
  const library = dirname(fileURLToPath(import.meta.resolve('@cyclonedx/cyclonedx-library/package.json')));
  const schema = (name: string) =>
    JSON.parse(readFileSync(join(library, 'res/schema', `${name}.SNAPSHOT.schema.json`), 'utf8'));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const name of ['spdx', 'jsf-0.82'])
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  const validate = ajv.compile(schema('bom-1.6'));
  validate(sbom);
  assert.equal(validate.errors ?? [], []);
  assert.is(sbom.bomFormat, 'CycloneDX');
  assert.is(sbom.specVersion, '1.6');
});

test('the document has exactly the packages of production, each with its licence and checksum', () => {
  const addressed = sbom.components.filter(({ purl }) => purl !== undefined);
  const purls = addressed.map(({ purl }) => purl);
  const expected = inProduction.map(({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`);
  assert.equal(purls.sort(), expected.sort());
  for (const { name, licenses, hashes = [] } of addressed) {
    assert.is(licenses.length, 1, name);
    assert.match(hashes[0]?.content ?? '', /^[0-9a-f]{128}$/, name);
  }
});

test('the project depends on every package that its package.json names for production', () => {
  const manifest = manifests.get('package.json');
  assert.is(sbom.metadata.component.name, 'seckill');
  assert.is(sbom.metadata.component.version, manifest?.version);
  const dependsOn = sbom.dependencies.find(({ ref }) => ref === 'seckill')?.dependsOn ?? [];
  for (const name of Object.keys(manifest?.dependencies ?? {}))
    assert.ok(dependsOn.includes(`node_modules/${name}`), name);
});

test('every component is reached from the project', () => {
  const reached = new Set(['seckill']);
  const next = new Map(sbom.dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
  for (const ref of reached) for (const dependency of next.get(ref) ?? []) reached.add(dependency);
  assert.equal(
    sbom.components.map((component) => component['bom-ref']).filter((ref) => !reached.has(ref)),
    [],
  );
});

test('the document has no host of a registry and no path of this machine', () => {
  assert.equal([...text.matchAll(/\w+:\/\/[^"]*/g)].flat(), ['http://cyclonedx.org/schema/bom-1.6.schema.json']);
  for (const path of [root, root.replace(/\/$/, ''), tmpdir()]) assert.not(text.includes(path), path);
  assert.not.match(text, /"\//);
});

test.run();
