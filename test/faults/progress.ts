import { SingleBar } from 'cli-progress';

/** Shows how far the rounds are: a bar on a terminal, a line a round elsewhere. */
export interface Progress {
  /** So many are done, and this one begins; nothing begins when it is absent. */
  at(done: number, name?: string): void;
  /** Prints lines without tearing the bar. */
  say(lines: string): void;
  stop(): void;
}

export function startProgress(total: number): Progress {
  if (!process.stderr.isTTY) {
    return {
      at: (done, name) => name !== undefined && console.log(`${done + 1}/${total} ${name}`),
      say: (lines) => console.log(lines),
      stop: () => {},
    };
  }
  const bar = new SingleBar({ format: '{bar} {value}/{total} {name}', clearOnComplete: true });
  let shown: [done: number, name: { name: string }] = [0, { name: '' }];
  bar.start(total, ...shown);
  return {
    at(done, name = '') {
      shown = [done, { name }];
      bar.update(...shown);
    },
    say(lines) {
      bar.stop();
      console.log(lines);
      bar.start(total, ...shown);
    },
    stop: () => bar.stop(),
  };
}
