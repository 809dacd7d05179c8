/** Metrics in Prometheus' text format. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineEvents } from '../../engine/telemetry.ts';
import type { Observe } from '../observer.ts';

export interface MetricsSources {
  readonly sessions: () => number;
  /** Bytes that left each silo so far, by kind. */
  readonly egress: () => readonly { readonly silo: string; readonly kind: string; readonly bytes: number }[];
  readonly trainingRounds: () => number;
  readonly events: EngineEvents;
}

/** Seconds. */
const BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600];

export interface Metrics {
  readonly observe: Observe;
  text(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const statements = new Counter({
    name: 'causeway_statements_total',
    help: 'Statements by outcome: ok, or the SQLSTATE of the error',
    labelNames: ['outcome'],
    registers,
  });
  const seconds = new Histogram({
    name: 'causeway_statement_seconds',
    help: 'Time from a statement to its last row',
    buckets: BUCKETS,
    registers,
  });
  const rows = new Counter({ name: 'causeway_rows_total', help: 'Rows sent to clients', registers });
  const labelNames = ['site'];
  const fragmentSeconds = new Histogram({
    name: 'causeway_fragment_seconds',
    help: 'Time from asking a site for a part of a statement to its last row',
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  const fragmentRows = new Counter({
    name: 'causeway_fragment_rows_total',
    help: 'Rows that sites have answered with',
    labelNames,
    registers,
  });
  const fragmentBytes = new Counter({
    name: 'causeway_fragment_bytes_total',
    help: "Bytes of rows that crossed sites' borders since the start",
    labelNames,
    registers,
  });
  const roundSeconds = new Histogram({
    name: 'causeway_training_round_seconds',
    help: 'Time of a round of federated training',
    buckets: BUCKETS,
    registers,
  });
  sources.events.on('fragment', ({ site, rows: count, bytes, milliseconds }) => {
    fragmentSeconds.observe({ site }, milliseconds / 1000);
    fragmentRows.inc({ site }, count);
    fragmentBytes.inc({ site }, bytes);
  });
  sources.events.on('round', ({ seconds: took }) => roundSeconds.observe(took));
  new Gauge({
    name: 'causeway_sessions',
    help: 'Open sessions',
    registers,
    collect() {
      this.set(sources.sessions());
    },
  });
  new Gauge({
    name: 'causeway_egress_bytes',
    help: 'Bytes that left a silo since the catalog was made',
    labelNames: ['silo', 'kind'],
    registers,
    collect() {
      for (const { silo, kind, bytes } of sources.egress()) this.set({ silo, kind }, bytes);
    },
  });
  new Gauge({
    name: 'causeway_training_rounds',
    help: 'Rounds of federated training since the catalog was made',
    registers,
    collect() {
      this.set(sources.trainingRounds());
    },
  });
  return {
    observe(record) {
      statements.inc({ outcome: record.sqlstate ?? 'ok' });
      seconds.observe(record.milliseconds / 1000);
      rows.inc(record.rows);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
