/** The content of the W3C header `traceparent`: the trace that a request belongs to, and the span of its caller. */
export interface TraceParent {
  traceId: string;
  parentId: string;
  sampled: boolean;
}

// Version ff is invalid. Version 00 ends after the flags; later versions may append fields, which are ignored.
const TRACEPARENT = /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** Undefined when the header is absent, or when the specification says to ignore it. */
export function readTraceparent(header: string | string[] | undefined): TraceParent | undefined {
  if (typeof header !== 'string') return undefined;
  const [, version, traceId, parentId, flags, more] = TRACEPARENT.exec(header) ?? [];
  if (traceId === undefined || parentId === undefined || (version === '00' && more !== undefined)) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags ?? '', 16) & 1) === 1 };
}
