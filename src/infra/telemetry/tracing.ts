import type { Attributes, Context, SpanContext, SpanKind } from '@opentelemetry/api';
import { createLRU } from 'lru.min';
import type { Config } from '../../config.ts';
import type { Closer } from '../closers.ts';
import { couponPath, keyName } from '../keys.ts';
import type { Log } from './log.ts';
import type { TraceParent } from './traceparent.ts';

// A grab is one request, then one of many in a script call, then one of many in a transaction. Its customer and coupon, which
// identify the grab, connect the three spans. The trace is not stored in the events, which are kept for ever, and is not passed by
// AsyncLocalStorage, which would slow down every await of the hot path.

/** The number of latest requests whose later script calls and transactions are linked to their trace. */
const MAX_FOLLOWED = 16_384;
/** At a stop. Spans that the collector has not accepted by then are lost. */
const FLUSH_LIMIT_MS = 2_000;

export interface Grab {
  customer: string;
  seller: string;
  name: string;
}

export interface RequestSpan {
  traceId: string;
  spanId: string;
  end(facts: { route: string; status: number; outcome: string }): void;
}

export interface Tracing {
  /** Starts the span of a request, in the trace of its caller if it has one. Undefined when the request is not sampled. */
  startRequest(method: string, parent?: TraceParent, traceState?: string): RequestSpan | undefined;
  /** From now on, the script call and the transaction of this grab belong to the trace of this request. */
  follow(request: RequestSpan | undefined, customer: string, coupon: { seller: string; name: string }): void;
  /** Runs work for many grabs in one span: a child of the first traced request among them, linked to the others. */
  batch<T>(name: string, attributes: Attributes, grabs: () => Grab[], work: () => Promise<T>): Promise<T>;
}

export const noTracing: Tracing = {
  startRequest: () => undefined,
  follow() {},
  batch: (_name, _attributes, _grabs, work) => work(),
};

/** OpenTelemetry is loaded only when an endpoint is configured. */
export async function openTracing(otel: Config['otel'], log: Log): Promise<{ tracing: Tracing; close: Closer }> {
  if (otel === undefined) return { tracing: noTracing, close() {} };
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const { ROOT_CONTEXT, SpanStatusCode, TraceFlags, createTraceState, trace } = api;
  // The exporter retries, and drops the spans that it cannot send.
  api.diag.setLogger({
    error: (message) => log.warn({ reason: message }, 'exporting spans failed; some spans are lost'),
    warn: (message) => log.warn({ reason: message }, 'exporting spans failed; some spans are lost'),
    info() {},
    debug() {},
    verbose() {},
  });
  const exporter = new OTLPTraceExporter({ url: `${otel.endpoint.replace(/\/$/, '')}/v1/traces` });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': otel.service, 'service.instance.id': String(process.pid) }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(otel.share) }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000 })],
  });
  const tracer = provider.getTracer('seckill');
  const followed = createLRU<string, SpanContext>({ max: MAX_FOLLOWED });
  const keyOf = ({ customer, seller, name }: Grab) => `${keyName(customer)} ${couponPath({ seller, name })}`;

  const callerOf = (parent: TraceParent | undefined, traceState: string | undefined): Context =>
    parent === undefined
      ? ROOT_CONTEXT
      : trace.setSpanContext(ROOT_CONTEXT, {
          traceId: parent.traceId,
          spanId: parent.parentId,
          traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
          isRemote: true,
          ...(traceState === undefined ? {} : { traceState: createTraceState(traceState) }),
        });

  const tracing: Tracing = {
    startRequest(method, parent, traceState) {
      const options = { kind: api.SpanKind.SERVER, attributes: { 'http.request.method': method } };
      const span = tracer.startSpan(method, options, callerOf(parent, traceState));
      if (!span.isRecording()) return undefined;
      return {
        ...span.spanContext(),
        end({ route, status, outcome }) {
          span.updateName(`${method} ${route}`);
          span.setAttributes({
            'http.route': route,
            'http.response.status_code': status,
            'seckill.outcome': outcome,
          });
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
    follow(request, customer, { seller, name }) {
      if (request === undefined) return;
      const { traceId, spanId } = request;
      followed.set(keyOf({ customer, seller, name }), { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
    },
    async batch(name, attributes, grabs, work) {
      const [first, ...others] = grabs().flatMap((grab) => followed.get(keyOf(grab)) ?? []);
      if (first === undefined) return work();
      const links = others.map((context) => ({ context }));
      const kind: SpanKind = api.SpanKind.CLIENT;
      const span = tracer.startSpan(name, { kind, attributes, links }, trace.setSpanContext(ROOT_CONTEXT, first));
      try {
        return await work();
      } catch (error) {
        // The name only: the message may contain data of a request.
        span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).name });
        throw error;
      } finally {
        span.end();
      }
    },
  };
  const close = async () => {
    const limit = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_LIMIT_MS).unref());
    await Promise.race([provider.shutdown().catch(() => {}), limit]);
  };
  return { tracing, close };
}
