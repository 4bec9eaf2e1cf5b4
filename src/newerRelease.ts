import { Unavailable } from './unavailable.ts';

/**
 * A newer release wrote this, and this release does not understand all of it. It is no damage: it waits where it is, for a process of
 * a newer release, which works on the same stores during an upgrade. A client gets 503 and may reach such a process with its retry.
 */
export class NewerRelease extends Unavailable {
  override name = 'NewerRelease';
  /** `needs`: the release that wrote it, where it says so. */
  constructor(what: string, needs?: unknown) {
    super(`${what} needs ${typeof needs === 'string' && needs !== '' ? `release ${needs}` : 'a newer release'}`);
  }
}

/** What a type of event is called. Another text in the place of a type is damage and no newer release. */
const EVENT_TYPE = /^[A-Z][A-Za-z]{2,63}$/;
export const canBeNewerType = (type: unknown): type is string => typeof type === 'string' && EVENT_TYPE.test(type);
