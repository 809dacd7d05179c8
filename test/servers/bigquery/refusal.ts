/** An answer with an error, or the error of a job. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }

  /** The body of an answer (google.rpc.Status as BigQuery's REST interface spells it). */
  get body(): object {
    const { status: code, reason, message } = this;
    return { error: { code, message, errors: [{ message, domain: 'global', reason }], status: 'ERROR' } };
  }
}

/** DuckDB's errors with BigQuery's reasons and words, as far as the connector tells them apart. */
export function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const [, kind = ''] = /^([\w ]+?) Error/.exec(message) ?? [];
  const invalid = (text: string) => new Refusal(400, 'invalidQuery', text);
  if (kind === 'INTERRUPT' || /interrupted/i.test(message))
    return new Refusal(499, 'stopped', 'Job execution was cancelled');
  if (kind === 'Parser') return invalid(`Syntax error: ${message}`);
  if (kind === 'Catalog' && /already exists/.test(message))
    return new Refusal(409, 'duplicate', `Already Exists: ${message}`);
  if (kind === 'Catalog' && /Table|View/.test(message))
    return new Refusal(404, 'notFound', `Not found: Table ${message}`);
  if (kind === 'Catalog') return invalid(`Function not found: ${message}`);
  if (kind === 'Binder' && /column/i.test(message)) return invalid(`Unrecognized name: ${message}`);
  if (kind === 'Conversion') return invalid(`Invalid value: ${message}`);
  if (kind === 'Out of Range') return invalid(`Value out of range: ${message}`);
  return invalid(message);
}
