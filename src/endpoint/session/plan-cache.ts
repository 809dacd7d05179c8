/** Remembers what statements are, so that the same text is looked at once. */
import { Recent } from '../../engine/planning/recent.ts';
import type { CatalogOracle } from '../oracle/catalog-oracle.ts';
import type { Prepared } from './prepared.ts';
import type { Settings } from './settings.ts';

const MOST_ENTRIES = 2000;
/** Longer texts are rarely sent twice. */
const LONGEST_TEXT = 20_000;

export class PlanCache {
  readonly #oracle: CatalogOracle;
  readonly #entries = new Recent<Prepared>(MOST_ENTRIES);
  /** Being looked at now: clients that start together ask for the same statements. */
  readonly #looking = new Map<string, Promise<Prepared>>();

  constructor(oracle: CatalogOracle) {
    this.#oracle = oracle;
  }

  /** What `text` is to a session: names resolve by its user, its search path and the state of the catalog. */
  async get(
    session: { readonly user: string; readonly settings: Settings },
    text: string,
    oids: readonly number[],
    look: () => Promise<Prepared>,
  ): Promise<Prepared> {
    if (text.length > LONGEST_TEXT) return look();
    const path = session.settings.get('search_path') ?? '';
    const key = JSON.stringify([this.#oracle.version, session.user, path, oids, text]);
    // What failed for another, who may have been cancelled, is looked at again.
    const prepared = this.#entries.get(key) ?? (await this.#looking.get(key)?.catch(() => undefined));
    return prepared ?? this.#look(key, look);
  }

  async #look(key: string, look: () => Promise<Prepared>): Promise<Prepared> {
    const looking = look();
    this.#looking.set(key, looking);
    try {
      const prepared = await looking;
      this.#entries.set(key, prepared);
      return prepared;
    } finally {
      if (this.#looking.get(key) === looking) this.#looking.delete(key);
    }
  }
}
