import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Copy, DockerfileParser, type Env, type From, type Healthcheck, type Instruction } from 'dockerfile-ast';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const dockerfileText = readFileSync(join(root, 'Dockerfile'), 'utf8');
const dockerfile = DockerfileParser.parse(dockerfileText);

export interface Stage {
  name: string;
  /** The base image. */
  from: string;
  instructions: Instruction[];
}

/** The stages, first to last; the last one is the image. */
export const stages: Stage[] = [];
for (const instruction of dockerfile.getInstructions()) {
  if (instruction.getKeyword() === 'FROM') {
    const from = instruction as From;
    stages.push({ name: from.getBuildStage() ?? '', from: from.getImage() ?? '', instructions: [] });
  } else stages.at(-1)?.instructions.push(instruction);
}

const lastOf = ({ instructions }: Stage, keyword: string): Instruction => {
  const found = instructions.findLast((instruction) => instruction.getKeyword() === keyword);
  if (found === undefined) throw new Error(`the Dockerfile has no ${keyword}`);
  return found;
};
const image = stages.at(-1);
if (image === undefined) throw new Error('the Dockerfile has no stage');
/** The arguments of the last instruction of this name in the image. */
export const lastArguments = (keyword: string) => lastOf(image, keyword).getArgumentsContent() ?? '';
export const command: string[] = JSON.parse(lastArguments('CMD'));
export const healthcheck: string[] = JSON.parse(lastArguments('HEALTHCHECK').replace(/^.*?CMD\s+/s, ''));
export const healthcheckFlags = (lastOf(image, 'HEALTHCHECK') as Healthcheck).getFlags().map(String);

export const imageEnvironment: Record<string, string> = Object.fromEntries(
  image.instructions
    .filter((instruction) => instruction.getKeyword() === 'ENV')
    .flatMap((instruction) => (instruction as Env).getProperties())
    .map((property) => [property.getName(), property.getValue() ?? '']),
);

export interface Copied {
  /** The stage, or undefined for the project itself. */
  from: string | undefined;
  sources: string[];
  to: string;
}
export const copiesOf = ({ instructions }: Stage): Copied[] =>
  instructions.filter((instruction) => instruction.getKeyword() === 'COPY').map(readCopy);

function readCopy(instruction: Instruction): Copied {
  const names = instruction.getArguments().map((argument) => argument.getValue());
  return {
    from: (instruction as Copy).getFromFlag()?.getValue() ?? undefined,
    sources: names.slice(0, -1),
    to: names.at(-1) ?? '',
  };
}

/**
 * Carries out the instructions in folders, without a container engine: copies exactly the files that COPY names, and runs the
 * commands of RUN with this Node instead of that of the base image. Returns the working folder of the image.
 */
export function buildInFolder(folder: string): string {
  const inStage = (stage: string, path: string) => join(folder, `stage-${stage}`, path);
  let workdir = '';
  for (const stage of stages) {
    workdir = '/';
    for (const instruction of stage.instructions) {
      const here = (path: string) => inStage(stage.name, resolve(workdir, path));
      if (instruction.getKeyword() === 'WORKDIR') {
        workdir = instruction.getArgumentsContent() ?? '/';
        mkdirSync(here('.'), { recursive: true });
      }
      if (instruction.getKeyword() === 'COPY') {
        const { from, sources, to } = readCopy(instruction);
        for (const source of sources) {
          const original = from === undefined ? join(root, source) : inStage(from, source);
          // COPY puts the content of a folder into the target, and a file under its name into a target that ends in a slash.
          const isFile = statSync(original).isFile();
          cpSync(original, here(isFile && to.endsWith('/') ? join(to, basename(source)) : to), { recursive: true });
        }
      }
      if (instruction.getKeyword() === 'RUN') {
        const { status, stderr } = spawnSync('sh', ['-c', instruction.getArgumentsContent() ?? ''], {
          cwd: here('.'),
          encoding: 'utf8',
        });
        if (status !== 0) throw new Error(`RUN ${instruction.getArgumentsContent()}: ${stderr}`);
      }
    }
  }
  return inStage(stages.at(-1)?.name ?? '', workdir);
}
