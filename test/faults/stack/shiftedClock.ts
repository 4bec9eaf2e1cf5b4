/** Node options for a process whose clock is wrong by so much: whatever asks for the time of day gets a wrong answer. */
export const withShiftedClock = (ms: number) =>
  `--import=data:text/javascript,${encodeURIComponent(`(${shiftClock})(${ms})`)}`;

// Its source text runs in the other process, so it uses nothing from this file.
function shiftClock(ms: number): void {
  const RightDate = globalThis.Date;
  globalThis.Date = new Proxy(RightDate, {
    construct: (date, args, target) =>
      Reflect.construct(date, args.length === 0 ? [RightDate.now() + ms] : args, target),
    get: (date, name) => (name === 'now' ? () => RightDate.now() + ms : Reflect.get(date, name)),
  });
}
