import { SingleBar } from 'cli-progress';
import { stopSignals } from '../cli.ts';

const LINE_EVERY_MS = 2_000;
const REDRAW_EVERY_MS = 100;

export interface Step {
  /** Names the step. A change of the label starts the clock of a new step. */
  label: string;
  /** `done` and `of` have the same unit, such as events, positions or bytes. `of` is Infinity where the end is unknown. */
  done: number;
  of: number;
  /** Shown instead of `done` and `of`, with a rate, when their unit means little to an operator. */
  events?: number;
  note?: string;
}

export interface Progress {
  show(step: Step): void;
  /** Prints lines on standard output without damaging the bar. */
  print(lines: string): void;
  stop(): void;
}

/**
 * Shows the progress of a long-running command on standard error: a bar on a terminal, which disappears at the end, and elsewhere a
 * line every 2 s. A signal removes the bar first, so that later output does not run into it.
 */
export function startProgress(printLine: (line: string) => void = console.error): Progress {
  const isTerminal = process.stderr.isTTY === true;
  const bar = new SingleBar({ format: '{label} {bar} {percentage}%, {details}', barsize: 24, clearOnComplete: true });
  let started = performance.now();
  let lastReport = started;
  let shown: Step | undefined;
  let nextShow = 0;
  let ended = false;

  const draw = (step: Step) => {
    const payload = { label: step.label, details: detailsOf(step, started) };
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
      const isNewStep = shown !== undefined && step.label !== shown.label;
      // A new step is assumed to have started when the previous one last reported.
      if (isNewStep) started = lastReport;
      lastReport = now;
      if (ended || (now < nextShow && !isNewStep && step.done < step.of)) return;
      shown = step;
      nextShow = now + (isTerminal ? REDRAW_EVERY_MS : LINE_EVERY_MS);
      if (isTerminal) draw(step);
      else printLine(`${step.label}: ${percentOf(step)} %, ${detailsOf(step, started)}`);
    },
    print(lines) {
      bar.stop();
      console.log(lines);
      lastReport = performance.now();
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
  const left =
    done === 0 || of === Number.POSITIVE_INFINITY
      ? 'time left unknown'
      : `${Math.ceil((seconds / done) * (of - done))} s left`;
  return [counted, ...(note === undefined ? [] : [note]), left].join(', ');
}
