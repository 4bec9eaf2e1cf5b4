import {
  authorizationExpired,
  bodyTooLarge,
  notAuthorized,
  notJson,
  notSentAsJson,
  problemOf,
  refusals,
} from '../errors.ts';

// The answers that many operations share.

export const badToken = [notAuthorized(), authorizationExpired()];
export const badBody = [notJson(), notSentAsJson(), bodyTooLarge()];
export const outcomeUnknown = problemOf(new Error('store unavailable'));
export const tooManyKeys = refusals['too-many-keys'];
