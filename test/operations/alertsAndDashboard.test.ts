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
// One request gives the histogram of requests a series.
await client.send('GET', '/healthz');
const { samples, text } = await readMetrics(url);
// A histogram without labels has samples from the start. A histogram with labels (garbage collection) may have only a TYPE line.
const histograms = [...text.matchAll(/^# TYPE (\S+) histogram$/gm)].map(([, name]) => name);
const names = new Set([
  ...samples.map(({ name }) => name),
  ...histograms.flatMap((name) => ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`)),
]);
const ours = /\b(?:seckill|nodejs|process)_\w+/g;

const test = suite('the alerts and the dashboard');

test('a running server exposes every metric that the dashboard uses', () => {
  const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const used = [...expressions, ...dashboard.templating.list.map(({ definition = '' }) => definition)];
  assert.ok(expressions.every((expr) => expr.match(ours) !== null));
  for (const name of used.flatMap((expr) => expr.match(ours) ?? [])) assert.ok(names.has(name), name);
});

test('a running server exposes every metric and every label value that an alert uses', () => {
  for (const { alert, expr } of rules) {
    const used = expr.match(ours) ?? [];
    assert.ok(used.length > 0, alert);
    for (const name of used) assert.ok(names.has(name), `${alert}: ${name}`);
    for (const [, name, label = '', values = ''] of expr.matchAll(/(\w+)\{(\w+)=~?"([^"]+)"\}/g)) {
      // The values of this label are HTTP methods, and the server has not had a request with each of them.
      if (label === 'method') continue;
      for (const value of values.split('|'))
        assert.ok(
          samples.some((sample) => sample.name === name && sample.labels[label] === value),
          `${alert}: ${name}{${label}="${value}"}`,
        );
    }
  }
});

test('the dashboard or an alert uses every metric of the project', () => {
  const used = JSON.stringify(dashboard) + JSON.stringify(rules);
  const families = [...names]
    .filter((name) => name.startsWith('seckill_'))
    .map((name) => name.replace(/_(bucket|sum|count)$/, ''));
  for (const family of families) assert.ok(used.includes(family), family);
});

test('every alert has a severity and a summary, and the alerts are exactly the sections of OPERATIONS.md', () => {
  const sections = [...read('docs/OPERATIONS.md').matchAll(/^### (Seckill\w+)$/gm)].map(([, name]) => name);
  assert.equal(rules.map(({ alert }) => alert).sort(), sections.sort());
  for (const { alert, labels, annotations } of rules) {
    assert.ok(['critical', 'warning'].includes(labels.severity), alert);
    assert.ok(annotations.summary.length > 0, alert);
    assert.is(annotations.runbook_url, `docs/OPERATIONS.md#${alert.toLowerCase()}`);
  }
});

test('the panels of the dashboard have unique ids and do not overlap', () => {
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
