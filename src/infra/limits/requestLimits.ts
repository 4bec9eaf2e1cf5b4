import { createWindowCounter, type WindowCounter } from './windowCounter.ts';

const REQUESTS_WINDOW_MS = 10_000;

/** Zero means no limit. */
export interface RequestLimitSettings {
  perUser: number;
  perAddress: number;
}

/** The limits that each process counts by itself, before a request reaches a store. */
export interface RequestLimits {
  ofUser: WindowCounter;
  ofAddress: WindowCounter;
  /** Whether requests are counted by address at all: without a limit, no request pays for finding its address. */
  hasAddressLimit: boolean;
}

export const createRequestLimits = ({
  perUser,
  perAddress,
  windowMs = REQUESTS_WINDOW_MS,
}: RequestLimitSettings & { windowMs?: number }): RequestLimits => ({
  ofUser: createWindowCounter(perUser, windowMs),
  ofAddress: createWindowCounter(perAddress, windowMs),
  hasAddressLimit: perAddress > 0,
});
