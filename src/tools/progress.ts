import { SingleBar } from 'cli-progress';

const LINE_EVERY_MS = 2_000;

export interface Progress {
  /** `done` and `of` are of the same unit, whatever it is; `events` is what the rate is told in. */
  show(what: string, done: number, of: number, events: number): void;
  stop(): void;
}

/** On standard error: a bar on a terminal, and elsewhere a plain line now and then. */
export function startProgress(): Progress {
  const started = performance.now();
  const isTerminal = process.stderr.isTTY === true;
  const bar = new SingleBar({
    format: '{what} {bar} {percentage}%, {events} events, {rate}/s, {left}',
    stream: process.stderr,
  });
  let running = false;
  let nextLine = 0;
  return {
    show(what, done, of, events) {
      const seconds = (performance.now() - started) / 1_000;
      const secondsLeft = done === 0 ? undefined : Math.ceil((seconds / done) * (of - done));
      const left = secondsLeft === undefined ? 'time left unknown' : `${secondsLeft} s left`;
      const rate = Math.round(events / Math.max(seconds, 0.001));
      if (isTerminal) {
        if (!running) bar.start(of, done, { what, events, rate, left });
        running = true;
        bar.setTotal(of);
        bar.update(done, { what, events, rate, left });
      } else if (performance.now() >= nextLine) {
        nextLine = performance.now() + LINE_EVERY_MS;
        const percent = of === 0 ? 100 : Math.floor((done / of) * 100);
        console.error(`${what}: ${percent} %, ${events} events, ${rate}/s, ${left}`);
      }
    },
    stop: () => bar.stop(),
  };
}
