import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { readMetrics } from '../support/readMetrics.ts';
import { openTestServer } from '../support/testServer.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; runbook_url: string };
}
const rules: Rule[] = parse(read('deploy/alerts.yml')).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
interface Panel {
  id: number;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { expr: string }[];
}
const dashboard: { panels: Panel[]; templating: { list: { name: string; definition?: string }[] } } = JSON.parse(
  read('deploy/grafana.json'),
);

const { client, url, close } = await openTestServer();
// One request, so that the histogram of requests has a series.
await client.send('GET', '/healthz');
const { samples, text } = await readMetrics(url);
// A histogram without a label has samples from the start; one with a label (of what the garbage collector did) has a name only.
const histograms = [...text.matchAll(/^# TYPE (\S+) histogram$/gm)].map(([, name]) => name);
const names = new Set([
  ...samples.map(({ name }) => name),
  ...histograms.flatMap((name) => ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`)),
]);
const ours = /\b(?:seckill|nodejs|process)_\w+/g;

const test = suite('what operators are given');

test('every metric of the dashboard is one that a running server has', () => {
  const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const used = [...expressions, ...dashboard.templating.list.map(({ definition = '' }) => definition)];
  assert.ok(expressions.every((expr) => expr.match(ours) !== null));
  for (const name of used.flatMap((expr) => expr.match(ours) ?? [])) assert.ok(names.has(name), name);
});

test('every metric of an alert is one that a running server has, and so is every value of a label', () => {
  for (const { alert, expr } of rules) {
    const used = expr.match(ours) ?? [];
    assert.ok(used.length > 0, alert);
    for (const name of used) assert.ok(names.has(name), `${alert}: ${name}`);
    for (const [, name, label = '', values = ''] of expr.matchAll(/(\w+)\{(\w+)=~?"([^"]+)"\}/g)) {
      // There is no grab yet; which methods there are is no choice of ours.
      if (label === 'method') continue;
      for (const value of values.split('|'))
        assert.ok(
          samples.some((sample) => sample.name === name && sample.labels[label] === value),
          `${alert}: ${name}{${label}="${value}"}`,
        );
    }
  }
});

test('every metric of ours is on the dashboard or in an alert', () => {
  const used = JSON.stringify(dashboard) + JSON.stringify(rules);
  const families = [...names]
    .filter((name) => name.startsWith('seckill_'))
    .map((name) => name.replace(/_(bucket|sum|count)$/, ''));
  for (const family of families) assert.ok(used.includes(family), family);
});

test('every alert has a severity, a sentence, and its own section in OPERATIONS.md; no section is without its alert', () => {
  const sections = [...read('docs/OPERATIONS.md').matchAll(/^### (Seckill\w+)$/gm)].map(([, name]) => name);
  assert.equal(rules.map(({ alert }) => alert).sort(), sections.sort());
  for (const { alert, labels, annotations } of rules) {
    assert.ok(['critical', 'warning'].includes(labels.severity), alert);
    assert.ok(annotations.summary.length > 0, alert);
    assert.is(annotations.runbook_url, `docs/OPERATIONS.md#${alert.toLowerCase()}`);
  }
});

test('panels have ids of their own and do not cover each other', () => {
  const { panels } = dashboard;
  assert.is(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { title, gridPos } of panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      const place = `${x} ${gridPos.y}`;
      assert.not.ok(taken.has(place), title);
      taken.add(place);
    }
  }
});

test.after(close);
test.run();
