/**
 * A signal that aborts with `source`, or by `abort`, which also removes the listener at the source. AbortSignal.any leaves an entry at the
 * source for ever, so that it must not be used for each request when the source lives as long as the process.
 */
export function abortWith(source: AbortSignal): { signal: AbortSignal; abort: (reason?: unknown) => void } {
  const controller = new AbortController();
  const passOn = () => controller.abort(source.reason);
  if (source.aborted) passOn();
  else source.addEventListener('abort', passOn, { once: true });
  return {
    signal: controller.signal,
    abort(reason) {
      source.removeEventListener('abort', passOn);
      controller.abort(reason);
    },
  };
}
