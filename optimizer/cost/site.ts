/** How fast and how dear a site is. */
import { type PerUnit, work } from './work.ts';

export interface SiteProfile {
  /** Seconds per unit of work. */
  readonly seconds: PerUnit;
  /** Price of a byte that leaves, in the currency of the user's choice. */
  readonly moneyPerByte: number;
  /** Price of a second of the site's engine. */
  readonly moneyPerSecond: number;
  /** Training speed behind the silo's agent, floating point operations per second; absent until a run has shown it. */
  readonly flops?: number;
}

/** The name of the mediator among the sites. No silo may be called so. */
export const MEDIATOR = 'mediator';

/** A 1 Gbit/s link, as goodput. */
const LINK = 1 / 110e6;

const profile = (seconds: Partial<PerUnit>): SiteProfile => ({
  seconds: work({ bytes: LINK, ...seconds }),
  moneyPerByte: 0,
  moneyPerSecond: 0,
});

/**
 * Starting points by kind of silo, until CALIBRATE or executed fragments know better. They are plausible single-core
 * speeds in the right order of each other, not measurements.
 */
const DEFAULTS: Readonly<Record<string, SiteProfile>> = {
  postgres: profile({
    startup: 2e-3,
    scanned: 1e-7,
    built: 2e-7,
    probed: 1.5e-7,
    aggregated: 2e-7,
    sorted: 4e-8,
    produced: 3e-7,
  }),
  duckdb: profile({
    startup: 1e-3,
    scanned: 1e-8,
    built: 5e-8,
    probed: 2e-8,
    aggregated: 3e-8,
    sorted: 8e-9,
    produced: 1e-7,
  }),
  mysql: profile({
    startup: 2e-3,
    scanned: 2e-7,
    built: 4e-7,
    probed: 4e-7,
    aggregated: 4e-7,
    sorted: 6e-8,
    produced: 1e-6,
  }),
  [MEDIATOR]: profile({
    startup: 1e-3,
    scanned: 2e-8,
    built: 5e-8,
    probed: 2e-8,
    aggregated: 3e-8,
    sorted: 8e-9,
    produced: 1e-7,
  }),
};

/** A kind of silo nobody measured: slower than all that were. */
const UNKNOWN = profile({
  startup: 5e-3,
  scanned: 3e-7,
  built: 4e-7,
  probed: 4e-7,
  aggregated: 4e-7,
  sorted: 6e-8,
  produced: 1e-6,
});

/**
 * Local files and databases that the mediator reads by itself: nothing is asked of anybody, no byte moves, and its optimizer
 * sees through the border.
 */
const IN_PROCESS: SiteProfile = {
  ...DEFAULTS.duckdb!,
  seconds: { ...DEFAULTS.duckdb!.seconds, startup: 0, bytes: 1e-12, produced: 1e-10 },
};

/** Warehouses answer late and fast. */
const WAREHOUSE: SiteProfile = { ...DEFAULTS.duckdb!, seconds: { ...DEFAULTS.duckdb!.seconds, startup: 0.5 } };

/** The profile that `kind` of silo starts with. */
export function defaultProfile(kind: string): SiteProfile {
  if (kind === 'files' || kind === 'duckdb') return IN_PROCESS;
  if (kind === 's3' || kind === 'azure' || kind === 'sqlite') return DEFAULTS.duckdb!;
  if (kind === 'snowflake' || kind === 'bigquery' || kind === 'databricks') return WAREHOUSE;
  return DEFAULTS[kind] ?? UNKNOWN;
}
