import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { root } from './dockerfile.ts';

interface Service {
  image: string;
  command?: string[];
  entrypoint?: string[];
  healthcheck?: { test: string | string[] };
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  depends_on?: Record<string, unknown>;
  networks?: Record<string, { ipv4_address: string }>;
  stop_grace_period?: string;
  ulimits?: Record<string, number>;
}
interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, null>;
}

/** With `<<`, which Compose knows. */
export const readYaml = (path: string) => parse(readFileSync(join(root, path), 'utf8'), { merge: true });
export const compose: Compose = readYaml('compose.yml');
/** What MySQL changes, as the second file of `docker compose -f compose.yml -f deploy/compose.mysql.yml`. */
export const composeMysql: Compose = readYaml('deploy/compose.mysql.yml');
/** What NATS adds, likewise. */
export const composeNats: Compose = readYaml('deploy/compose.nats.yml');
/** A Redis Cluster and Galera in the place of the two stores, likewise. */
export const composeCluster: Compose = readYaml('deploy/compose.cluster.yml');
export const serviceOf = (name: string): Service => {
  const service = compose.services[name];
  if (service === undefined) throw new Error(`compose.yml has no ${name}`);
  return service;
};

/** The value that compose puts in for `${NAME:?why}` and `${NAME:-default}`. */
export const interpolate = (text: string, given: Record<string, string>) =>
  text.replaceAll(/\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}/g, (_, name, fallback) => {
    const value = given[name] ?? fallback;
    if (value === undefined) throw new Error(`${name} is required`);
    return value;
  });

export interface Manifest {
  apiVersion: string;
  kind: string;
}
const folder = 'deploy/k8s';
export const kustomization: { resources: string[]; images: { name: string; newTag: string }[] } = readYaml(
  `${folder}/kustomization.yaml`,
);
export const manifestFiles = readdirSync(join(root, folder)).filter((file) => file !== 'kustomization.yaml');
const readManifests = (path: string): Manifest[] =>
  parseAllDocuments(readFileSync(join(root, path), 'utf8')).map((document) => document.toJS());
export const manifests = manifestFiles.flatMap((file) => readManifests(`${folder}/${file}`));
/** The stores of deploy/k8s-cluster that Kubernetes itself knows, and the example of the Secrets. */
export const clusterManifests = ['redis.yaml', 'secret.example.yaml'].flatMap((file) =>
  readManifests(`deploy/k8s-cluster/${file}`),
);
/** The only manifest of its kind. The compiler checks all manifests against the types of Kubernetes, in deployFiles.test.ts. */
export function manifestOf<T extends { kind?: string }>(kind: T['kind']): T {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} of kind ${kind} in ${folder}`);
  return found[0] as unknown as T;
}
