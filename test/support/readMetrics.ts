/** One value of the Prometheus text. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/**
 * Reads `/metrics`. `sum` adds up the values that have these labels. The read fails at the limit: a connection that was handed to a worker
 * just before the worker ended gets no answer.
 */
export async function readMetrics(url: string, limitMs = 5_000) {
  const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(limitMs) })).text();
  const samples = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): Sample => {
      const [, name = '', inBraces = '', value] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const labels = Object.fromEntries([...inBraces.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, of]) => [key, of]));
      return { name, labels, value: Number(value) };
    });
  const sum = (name: string, labels: Record<string, string> = {}) =>
    samples
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
      .reduce((total, { value }) => total + value, 0);
  return { text, samples, sum };
}
