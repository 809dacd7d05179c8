/** Remembers what statements are, so that the same text is looked at once. */
import type { CatalogOracle } from '../oracle/catalog-oracle.ts';
import type { Prepared } from './prepared.ts';
import type { Settings } from './settings.ts';

const MOST_ENTRIES = 2000;
/** Longer texts are rarely sent twice. */
const LONGEST_TEXT = 20_000;

export class PlanCache {
  readonly #oracle: CatalogOracle;
  readonly #entries = new Map<string, Prepared>();

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
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    const prepared = await look();
    this.#entries.set(key, prepared);
    if (this.#entries.size > MOST_ENTRIES) this.#entries.delete(this.#entries.keys().next().value!);
    return prepared;
  }
}
