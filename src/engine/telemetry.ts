/**
 * What the engine tells of its work while it works: events for metrics, and OpenTelemetry spans of statements, fragments and
 * training rounds. Without an OpenTelemetry SDK in the process spans cost next to nothing and go nowhere.
 */
import { EventEmitter } from 'node:events';
import { type Attributes, context, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FragmentReport } from './execution/report.ts';

export interface RoundReport {
  readonly job: number;
  readonly model: string;
  readonly round: number;
  readonly loss: number;
  readonly seconds: number;
}

export type EngineEvents = EventEmitter<{ fragment: [FragmentReport]; round: [RoundReport] }>;

export const engineEvents = (): EngineEvents => new EventEmitter();

const tracer = trace.getTracer('causeway');

/**
 * Runs `work` as a span, under which the engine's spans stand; names and attributes follow OpenTelemetry's semantic
 * conventions for database calls. @throws what `work` throws
 */
export function inSpan<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (thrown) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: (thrown as Error).message });
      throw thrown;
    } finally {
      span.end();
    }
  });
}

/** The spans of one statement's parts: each is told when it is over. */
export function partsOfSpan(): (name: string, milliseconds: number, attributes: Attributes) => void {
  const parent = context.active();
  return (name, milliseconds, attributes) => {
    const now = Date.now();
    tracer.startSpan(name, { startTime: now - milliseconds, attributes }, parent).end(now);
  };
}
