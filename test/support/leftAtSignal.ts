import { getEventListeners } from 'node:events';

/**
 * The entries that a signal holds for its users: listeners, and the signals that AbortSignal.any has derived from it. Node shows the
 * latter only by a symbol; a release that renames the symbol makes this count smaller, not wrong.
 */
export function leftAtSignal(signal: AbortSignal): number {
  const derived = Object.getOwnPropertySymbols(signal).find(({ description }) => description === 'kDependantSignals');
  // A set without the prototype of Set.
  const signals = derived === undefined ? undefined : (Reflect.get(signal, derived) as { size: number } | undefined);
  return getEventListeners(signal, 'abort').length + (signals?.size ?? 0);
}
