/** An answer with `success: false`. */
export class Refusal extends Error {
  readonly code: string;
  readonly sqlState: string | undefined;

  constructor(code: string, message: string, sqlState?: string) {
    super(message);
    this.code = code;
    this.sqlState = sqlState;
  }
}

/** DuckDB's errors with Snowflake's numbers and words, as far as the connector tells them apart. */
export function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const [, kind = ''] = /^(\w+) Error/.exec(message) ?? [];
  if (kind === 'INTERRUPT' || /interrupted/i.test(message))
    return new Refusal('000604', 'SQL execution canceled', '57014');
  if (kind === 'Parser') return new Refusal('001003', `SQL compilation error:\n${message}`, '42000');
  if (kind === 'Catalog' && /already exists/.test(message))
    return new Refusal('002002', `SQL compilation error:\n${message}`, '42710');
  if (kind === 'Catalog' && /Table/.test(message))
    return new Refusal('002003', `SQL compilation error:\n${message}`, '42S02');
  if (kind === 'Catalog') return new Refusal('002141', `SQL compilation error:\n${message}`, '42601');
  if (kind === 'Binder' && /column/i.test(message))
    return new Refusal('000904', `SQL compilation error: error line 1\n${message}`, '42000');
  if (kind === 'Conversion') return new Refusal('100038', message, '22018');
  if (kind === 'Out') return new Refusal('100039', message, '22003');
  return new Refusal('100132', message, '22000');
}
