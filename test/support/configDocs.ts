import { readFileSync } from 'node:fs';
import { environmentSchema } from '../../src/config.ts';

// The documentation of the settings, rendered from their schema: the table in README.md and all of .env.example.

const BEGIN = '<!-- The table is written by `npm run docs:config`. -->';
const END = '<!-- end of the table -->';
const WIDTH = 120;

/** `value`: the default as it stands in the environment; undefined when the variable has none. */
const settings = Object.entries(environmentSchema.shape).map(([name, schema]) => {
  const value: unknown = schema.parse(undefined);
  if (schema.description === undefined) throw new Error(`${name} has no description in src/config.ts`);
  return {
    name,
    value: value === undefined ? undefined : String(typeof value === 'boolean' ? Number(value) : value),
    description: schema.description,
  };
});

function wrapComment(text: string): string[] {
  const lines = ['#'];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length > WIDTH) lines.push(`# ${word}`);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function renderTable(): string {
  const rows = settings.map(
    ({ name, value, description }) =>
      `| \`${name}\` | ${value === undefined ? 'none' : `\`${value}\``} | ${description} |`,
  );
  return ['| Name | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
}

function renderExample(): string {
  const intro =
    'Every setting with its default. Copy this file to .env, or set the variables in the environment, which takes precedence.';
  const blocks = settings.map(({ name, value, description }) => [
    ...wrapComment(description.replaceAll('`', '')),
    value === undefined ? `#${name}=` : `${name}=${value}`,
  ]);
  return `${[wrapComment(intro), ...blocks].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

export interface Documentation {
  path: string;
  /** The current text of the file. */
  text: string;
  /** The text that follows from the schema. */
  rendered: string;
}

const root = new URL('../../', import.meta.url);

/** Both files. Throws when README.md has lost the markers around the table. */
export function configDocs(): Documentation[] {
  const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
  const readme = read('README.md');
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`README.md has no "${BEGIN}" followed by "${END}"`);
  return [
    { path: 'README.md', text: readme, rendered: `${before}${BEGIN}\n\n${renderTable()}\n\n${END}${after}` },
    { path: '.env.example', text: read('.env.example'), rendered: renderExample() },
  ];
}

export const fileOf = (path: string) => new URL(path, root);
