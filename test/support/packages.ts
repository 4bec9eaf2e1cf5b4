import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

// The packages of the project, as package.json and package-lock.json name them.

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), 'utf8'));
const versions = z.record(z.string(), z.string()).default({});

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  license: z.string(),
  workspaces: z.array(z.string()).default([]),
  scripts: versions,
  dependencies: versions,
  devDependencies: versions,
  optionalDependencies: versions,
  peerDependencies: versions,
  overrides: versions,
});
const rootManifest = manifestSchema.parse(read('package.json'));
/** The package.json files of the project and of its workspaces, by their paths. */
export const manifests = new Map([
  ['package.json', rootManifest],
  ...rootManifest.workspaces.map((folder): [string, z.infer<typeof manifestSchema>] => {
    const path = `${folder}/package.json`;
    return [path, manifestSchema.parse(read(path))];
  }),
]);

const lockedSchema = z.object({
  name: z.string().optional(),
  version: z.string().optional(),
  license: z.string().optional(),
  integrity: z.string().optional(),
  /** For a link, the folder of the workspace; for a package, the address from which npm has fetched it. */
  resolved: z.string().optional(),
  link: z.boolean().default(false),
  dev: z.boolean().default(false),
  optional: z.boolean().default(false),
  hasInstallScript: z.boolean().default(false),
  dependencies: versions,
  optionalDependencies: versions,
  peerDependencies: versions,
});
export type LockedPackage = Omit<z.infer<typeof lockedSchema>, 'name'> & { path: string; name: string };

/** The entries of package-lock.json by their paths. The path of the project itself is empty. */
export const locked = new Map<string, LockedPackage>(
  Object.entries(
    z.object({ packages: z.record(z.string(), z.unknown()) }).parse(read('package-lock.json')).packages,
  ).map(([path, entry]) => {
    const { name = path.replace(/^.*node_modules\//, ''), ...rest } = lockedSchema.parse(entry);
    return [path, { ...rest, path, name }];
  }),
);
/** The entries of packages that npm fetches from the registry: all but the project, its workspaces and the links to them. */
export const fetched = [...locked.values()].filter(({ path, link }) => path.includes('node_modules/') && !link);
