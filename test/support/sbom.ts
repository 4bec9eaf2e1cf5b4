import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path/posix';
import { ComponentScope, ComponentType, HashAlgorithm } from '@cyclonedx/cyclonedx-library/Enums';
import {
  Bom,
  Component,
  HashDictionary,
  LicenseExpression,
  LicenseRepository,
  Metadata,
  SpdxLicense,
} from '@cyclonedx/cyclonedx-library/Models';
import { JSON as Json, JsonSerializer } from '@cyclonedx/cyclonedx-library/Serialize';
import { Spec1dot6 } from '@cyclonedx/cyclonedx-library/Spec';
import { type LockedPackage, locked, manifests } from './packages.ts';

/**
 * The software bill of materials (CycloneDX 1.6, JSON) of what runs in production, with the licence and the checksum of each
 * package. It is made from package-lock.json alone, so it has nothing of the machine, and has the packages of every platform.
 */
export function createSbom(): string {
  const components = new Map<string, Component>();
  for (const entry of locked.values()) if (!entry.dev && !entry.link) components.set(entry.path, componentOf(entry));
  for (const [path, component] of components) {
    for (const name of dependenciesOf(path)) {
      const found = resolve(path, name);
      const dependency = found === undefined ? undefined : components.get(found);
      if (dependency !== undefined) component.dependencies.add(dependency.bomRef);
    }
  }
  const { '': project, ...packages } = Object.fromEntries(components);
  if (project === undefined) throw new Error('package-lock.json has no entry of the project');
  const bom = new Bom({
    serialNumber: `urn:uuid:${randomUUID()}`,
    metadata: new Metadata({ timestamp: new Date(), component: project }),
  });
  for (const component of Object.values(packages)) bom.components.add(component);
  return new JsonSerializer(new Json.Normalize.Factory(Spec1dot6)).serialize(bom, { sortLists: true, space: 2 });
}

function componentOf({ path, name, version = '', license = '', integrity, optional }: LockedPackage): Component {
  const [scope, base = ''] = name.startsWith('@') ? name.split('/') : [undefined, name];
  const type = path === '' ? ComponentType.Application : ComponentType.Library;
  const component = new Component(type, base, {
    bomRef: path === '' ? name : path,
    version,
    licenses: new LicenseRepository([licenseOf(license)]),
    scope: optional ? ComponentScope.Optional : ComponentScope.Required,
  });
  if (scope !== undefined) component.group = scope;
  // The project and its workspace are not in the registry: a package URL would lead to a package of a stranger.
  if (integrity === undefined) return component;
  component.purl = `pkg:npm/${scope === undefined ? '' : `${encodeURIComponent(scope)}/`}${base}@${version}`;
  const [algorithm, checksum = ''] = integrity.split('-');
  if (algorithm !== 'sha512') throw new Error(`${path} has a checksum of another kind: ${algorithm}`);
  component.hashes = new HashDictionary([[HashAlgorithm['SHA-512'], Buffer.from(checksum, 'base64').toString('hex')]]);
  return component;
}

/** Throws for a licence without an SPDX identifier. */
const licenseOf = (license: string) =>
  / (OR|AND|WITH) /.test(license) ? new LicenseExpression(license) : new SpdxLicense(license);

function dependenciesOf(path: string): string[] {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = locked.get(path) ?? {};
  const workspaces = path === '' ? [...manifests.values()].slice(1).map(({ name }) => name) : [];
  return [...Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }), ...workspaces];
}

/** The path of the package that `name` means inside of the package at `from`: the nearest one, as Node finds it. */
function resolve(from: string, name: string): string | undefined {
  const found = locked.get(join(from, 'node_modules', name));
  if (found !== undefined) return found.link ? found.resolved : found.path;
  if (from === '') return undefined;
  return resolve(from.includes('/') ? dirname(from) : '', name);
}
