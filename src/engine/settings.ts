/** A session's settings: `SET`, `RESET`, `SHOW`. Our own are checked; other names are kept as PostgreSQL clients set them. */
import { BACKENDS } from '../../operators/lstm/choose-backend.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import { didYouMean } from '../plan/nearest.ts';

interface SettingSpec {
  readonly default: string;
  readonly description: string;
  /** What it may be; anything when absent. */
  readonly words?: readonly string[];
  readonly pattern?: { readonly test: RegExp; readonly means: string };
}

const SETTINGS = {
  'causeway.pushdown': {
    default: 'on',
    words: ['on', 'off'],
    description: 'off: silos are asked for whole columns only, and the mediator does the rest',
  },
  'causeway.memory_limit': {
    default: '1GB',
    pattern: { test: /^\d+(\.\d+)?\s*(kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/, means: 'an amount like 500MB' },
    description: 'memory of one statement at the mediator; what is above it spills to disk',
  },
  'causeway.optimize_for': {
    default: 'time',
    words: ['time', 'egress', 'money'],
    description: 'what the optimizer keeps small first',
  },
  'causeway.max_money': {
    default: 'off',
    pattern: { test: /^(off|\d+(\.\d+)?)$/, means: "off, or an amount in the currency of the silos' prices like 0.50" },
    description: 'what one statement may cost at silos that bill; above it, it is refused before it runs',
  },
  'causeway.replan': {
    default: 'on',
    words: ['on', 'off'],
    description: 'on: what is left of a SELECT is planned anew while it runs when its estimates turn out to be far off',
  },
  'causeway.speculation': {
    default: '1000ms',
    pattern: { test: /^(off|\d+ms)$/, means: 'milliseconds like 500ms, or off' },
    description: 'time that EXPLAIN TRAIN may spend on a sample to say how many rounds are enough',
  },
  'causeway.training_backend': {
    default: 'auto',
    words: BACKENDS,
    description: 'what computes the gradients',
  },
  'causeway.job_priority': {
    default: '0',
    pattern: { test: /^(-?\d|-?10)$/, means: 'a whole number from -10 to 10' },
    description: 'of training jobs that share a silo the higher goes first',
  },
  'causeway.local_baseline': {
    default: 'on',
    words: ['on', 'off'],
    description: 'on: TRAIN also trains every silo alone, to tell where the model is no better',
  },
} as const satisfies Record<string, SettingSpec>;

export type OwnSetting = keyof typeof SETTINGS;

export class Settings {
  readonly #values = new Map<string, string>();
  #fingerprint = '';

  /** One text for all that was set: two sessions with the same one bind and plan a statement alike. */
  get fingerprint(): string {
    return this.#fingerprint;
  }

  /** One of our own settings. */
  own(name: OwnSetting): string {
    return this.#values.get(name) ?? SETTINGS[name].default;
  }

  /** The value that was set; undefined for a default. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** @throws CausewayError 42704 for a name that nobody has set and we do not know */
  show(name: string): string {
    const spec: SettingSpec | undefined = Object.hasOwn(SETTINGS, name) ? SETTINGS[name as OwnSetting] : undefined;
    const value = this.#values.get(name) ?? spec?.default;
    if (value !== undefined) return value;
    const hint = didYouMean(name, Object.keys(SETTINGS));
    throw new CausewayError(
      SQLSTATE.undefinedObject,
      `unrecognized configuration parameter "${name}"`,
      hint === undefined ? {} : { hint },
    );
  }

  /** @param value undefined brings the default back; the name `all` resets everything */
  set(name: string, value: string | undefined): void {
    if (value === undefined) {
      if (name === 'all') this.#values.clear();
      else this.#values.delete(name);
    } else {
      if (name.startsWith('causeway.')) check(name, value);
      if (name === 'timezone') checkZone(value);
      this.#values.set(name, value);
    }
    this.#fingerprint = this.#values.size === 0 ? '' : JSON.stringify([...this.#values].sort());
  }

  /** Our own settings that were set. */
  chosen(): Record<string, string> {
    return Object.fromEntries([...this.#values].filter(([name]) => Object.hasOwn(SETTINGS, name)));
  }

  /** Our own settings with their values, for `causeway.settings`. */
  list(): { readonly name: string; readonly value: string; readonly description: string }[] {
    return Object.entries(SETTINGS).map(([name, { description }]) => ({ name, value: this.show(name), description }));
  }
}

/** Names of the IANA database are checked; offsets (`2`, `<+02>-02`) are taken as they are. */
function checkZone(value: string): void {
  if (!/^[a-z]/i.test(value)) return;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
  } catch {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `invalid value for parameter "TimeZone": "${value}"`, {
      hint: "Use a name of the IANA time zone database, like 'Europe/Berlin'.",
    });
  }
}

function check(name: string, value: string): void {
  if (!Object.hasOwn(SETTINGS, name)) {
    const hint = didYouMean(name, Object.keys(SETTINGS));
    throw new CausewayError(
      SQLSTATE.undefinedObject,
      `there is no setting "${name}"`,
      hint === undefined ? {} : { hint },
    );
  }
  const spec: SettingSpec = SETTINGS[name as OwnSetting];
  const means = spec.words?.join(', ') ?? spec.pattern?.means;
  if (spec.words?.includes(value) === false || spec.pattern?.test.test(value) === false) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `${name} cannot be '${value}'`, {
      hint: `It is ${spec.words === undefined ? '' : 'one of '}${means}.`,
    });
  }
}
