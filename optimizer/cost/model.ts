/** What is known of every site's speed: defaults, corrected by each executed fragment. */
import { emptyEquations, type NormalEquations, observe, solveNonNegative } from './least-squares.ts';
import { defaultProfile, type SiteProfile } from './site.ts';
import { type PerUnit, secondsFor, UNITS, type Unit } from './work.ts';

/** The layout of stored models; another version's are not read. */
export const MODEL_VERSION = 2;

export interface StoredSite {
  readonly version: number;
  readonly gram: readonly number[];
  readonly moment: readonly number[];
  readonly observations: number;
  readonly profile: Omit<SiteProfile, 'seconds'>;
}

/** Where the model outlives the process; the catalog implements it. */
export interface CostModelStore {
  load(): Iterable<readonly [site: string, stored: StoredSite]>;
  save(site: string, stored: StoredSite): void;
  forget(site: string): void;
}

interface Site {
  readonly prior: SiteProfile;
  profile: SiteProfile;
  /** Observations that the profile does not know yet. */
  stale: boolean;
  readonly equations: NormalEquations;
  observations: number;
}

/** Each new observation takes 1 % of the old ones' weight: a model follows a silo that became slower. */
const KEEP = 0.99;

/**
 * A coefficient's default may be wrong by about this factor. Engines differ by some tens; networks by thousands, from the next
 * rack to another continent: a narrower spread would have the fit disbelieve every measurement of a slow link.
 */
const PRIOR_FACTORS: PerUnit = {
  startup: 100,
  scanned: 10,
  built: 10,
  probed: 10,
  aggregated: 10,
  sorted: 10,
  produced: 10,
  bytes: 300,
};

/** Relative error one must expect of a single timing. */
const NOISE = 0.3;

/**
 * The coefficients as multiples of the defaults, which keeps the fit well conditioned: microseconds per byte and seconds
 * per statement are of one size there.
 */
function fitted({ prior, equations }: Site): PerUnit {
  const multiples = solveNonNegative(
    equations,
    UNITS.map(() => 1),
    UNITS.map((unit) => PRIOR_FACTORS[unit]),
  );
  return Object.fromEntries(UNITS.map((unit, i) => [unit, multiples[i]! * prior.seconds[unit]])) as Record<
    Unit,
    number
  >;
}

export class CostModel {
  readonly #sites = new Map<string, Site>();
  readonly #store: CostModelStore | undefined;
  readonly #unsaved = new Set<string>();
  readonly #kindOf: (site: string) => string;
  /** What was wrong with the stored models, for the user, by site. */
  readonly notices: ReadonlyMap<string, string>;

  /** @param kindOf the connector's kind of a silo, `mediator` for the mediator: it decides the defaults */
  constructor(kindOf: (site: string) => string, store?: CostModelStore) {
    this.#kindOf = kindOf;
    this.#store = store;
    const notices = new Map<string, string>();
    for (const [site, stored] of store?.load() ?? []) {
      if (!this.#restore(site, stored)) {
        notices.set(
          site,
          `the cost model of ${site} is of another version and was left aside; run CALIBRATE SILO ${site}`,
        );
      }
    }
    this.notices = notices;
  }

  profile(site: string): SiteProfile {
    const known = this.#site(site);
    if (known.stale) {
      known.profile = { ...known.profile, seconds: fitted(known) };
      known.stale = false;
    }
    return known.profile;
  }

  /** How many executed fragments the profile rests on; 0 means defaults. */
  observations(site: string): number {
    return this.#sites.get(site)?.observations ?? 0;
  }

  /**
   * Learns from an executed fragment that did `amounts` of work in `seconds`. Errors count relative to the time, so that
   * a short fragment teaches as much as a long one. The coefficients are fitted when they are next asked for, and stored
   * by {@link save}.
   */
  observe(site: string, amounts: PerUnit, seconds: number): void {
    if (!Number.isFinite(seconds) || seconds <= 0) return;
    const known = this.#site(site);
    const row = UNITS.map((unit) => amounts[unit] * known.prior.seconds[unit]);
    if (!row.every(Number.isFinite)) return;
    // An observation a hundred times off is an accident (a lock, a suspended machine): it may not count a thousandfold.
    const expected = secondsFor(amounts, known.profile.seconds);
    const weight = 1 / (NOISE * Math.max(seconds, expected / 100)) ** 2;
    observe(known.equations, row, seconds, weight, KEEP);
    known.observations++;
    known.stale = true;
    this.#unsaved.add(site);
  }

  /** Stores what was observed since the last time. */
  save(): void {
    for (const site of this.#unsaved) {
      const known = this.#sites.get(site);
      if (known !== undefined) this.#save(site, known);
    }
    this.#unsaved.clear();
  }

  /** Sets what a fragment's time does not tell: prices, and the training speed. */
  configure(site: string, changes: Partial<Omit<SiteProfile, 'seconds'>>): void {
    const known = this.#site(site);
    known.profile = { ...known.profile, ...changes };
    this.#save(site, known);
  }

  /** Forgets a site that is no more. */
  forget(site: string): void {
    this.#sites.delete(site);
    this.#store?.forget(site);
  }

  /** Back to the defaults, before a calibration. */
  reset(site: string): void {
    const { moneyPerByte, moneyPerSecond } = this.profile(site);
    this.#sites.delete(site);
    this.configure(site, { moneyPerByte, moneyPerSecond });
  }

  #site(site: string): Site {
    let known = this.#sites.get(site);
    if (known === undefined) {
      const prior = defaultProfile(this.#kindOf(site));
      known = { prior, profile: prior, stale: false, equations: emptyEquations(UNITS.length), observations: 0 };
      this.#sites.set(site, known);
    }
    return known;
  }

  #save(site: string, { equations, observations, profile }: Site): void {
    const { seconds: _, ...rest } = profile;
    this.#store?.save(site, {
      version: MODEL_VERSION,
      gram: [...equations.gram],
      moment: [...equations.moment],
      observations,
      profile: rest,
    });
  }

  #restore(site: string, stored: StoredSite): boolean {
    const size = UNITS.length;
    const numbers = [...stored.gram, ...stored.moment];
    const usable =
      stored.version === MODEL_VERSION &&
      stored.gram.length === size * size &&
      stored.moment.length === size &&
      numbers.every(Number.isFinite);
    if (!usable) return false;
    const known = this.#site(site);
    known.equations.gram.set(stored.gram);
    known.equations.moment.set(stored.moment);
    known.observations = stored.observations;
    known.profile = { ...stored.profile, seconds: fitted(known) };
    return true;
  }
}
