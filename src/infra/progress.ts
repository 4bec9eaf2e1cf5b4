import { SingleBar } from 'cli-progress';
import { stopSignals } from '../cli.ts';

const LINE_EVERY_MS = 2_000;
const REDRAW_EVERY_MS = 100;

export interface Step {
  /** Another word begins another clock. */
  what: string;
  /** Both of the same unit, whatever it is. */
  done: number;
  of: number;
  /** Where that unit says little to people: positions, bytes. They are told these, and their rate. */
  events?: number;
  note?: string;
}

export interface Progress {
  show(step: Step): void;
  /** Prints lines on standard output without tearing the bar. */
  say(lines: string): void;
  stop(): void;
}

/**
 * How far long work is: on a terminal a bar on standard error, which is gone when the work is done, and elsewhere a plain line
 * now and then. A signal ends it before anybody else has something to print, whatever becomes of the work.
 */
export function startProgress(printLine: (line: string) => void = console.error): Progress {
  const isTerminal = process.stderr.isTTY === true;
  const bar = new SingleBar({ format: '{what} {bar} {percentage}%, {details}', barsize: 24, clearOnComplete: true });
  let started = performance.now();
  let heard = started;
  let shown: Step | undefined;
  let nextShow = 0;
  let ended = false;

  const draw = (step: Step) => {
    const payload = { what: step.what, details: detailsOf(step, started) };
    if (!bar.isActive) bar.start(step.of, step.done, payload);
    bar.setTotal(step.of);
    bar.update(step.done, payload);
  };
  const stop = () => {
    ended = true;
    bar.stop();
    for (const signal of stopSignals) process.removeListener(signal, stop);
  };
  for (const signal of stopSignals) process.once(signal, stop);

  return {
    show(step) {
      const now = performance.now();
      const isAnother = shown !== undefined && step.what !== shown.what;
      // What is heard of first has been under way since the last was heard of.
      if (isAnother) started = heard;
      heard = now;
      if (ended || (now < nextShow && !isAnother && step.done < step.of)) return;
      shown = step;
      nextShow = now + (isTerminal ? REDRAW_EVERY_MS : LINE_EVERY_MS);
      if (isTerminal) draw(step);
      else printLine(`${step.what}: ${percentOf(step)} %, ${detailsOf(step, started)}`);
    },
    say(lines) {
      bar.stop();
      console.log(lines);
      heard = performance.now();
      if (isTerminal && shown !== undefined && shown.done < shown.of && !ended) draw(shown);
    },
    stop,
  };
}

const percentOf = ({ done, of }: Step) => (of === 0 ? 100 : Math.floor((done / of) * 100));

function detailsOf({ done, of, events, note }: Step, started: number): string {
  const seconds = (performance.now() - started) / 1_000;
  const rate = Math.round((events ?? done) / Math.max(seconds, 0.001));
  const counted = events === undefined ? `${done}/${of}` : `${events} events, ${rate}/s`;
  const left = done === 0 ? 'time left unknown' : `${Math.ceil((seconds / done) * (of - done))} s left`;
  return [counted, ...(note === undefined ? [] : [note]), left].join(', ');
}
