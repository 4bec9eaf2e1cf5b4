/** What the W3C header `traceparent` says: the trace that a request belongs to, and the caller's span in it. */
export interface TraceParent {
  traceId: string;
  parentId: string;
  sampled: boolean;
}

// Version ff is none. After the flags, version 00 ends; a later one may say more, which need not be understood.
const TRACEPARENT = /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** Undefined where there is none, or one that the specification says to ignore. */
export function readTraceparent(header: string | string[] | undefined): TraceParent | undefined {
  if (typeof header !== 'string') return undefined;
  const [, version, traceId, parentId, flags, more] = TRACEPARENT.exec(header) ?? [];
  if (traceId === undefined || parentId === undefined || (version === '00' && more !== undefined)) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags ?? '', 16) & 1) === 1 };
}
