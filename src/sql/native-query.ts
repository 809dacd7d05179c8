/**
 * What a native query (`silo.query('…')`) is, as far as a parser of its dialect can tell: it must be one statement that
 * only reads. node-sql-parser knows the dialects of the silos; PostgreSQL's own parser would not.
 */
import { createRequire } from 'node:module';
import type { Parser } from 'node-sql-parser';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';

/** Our dialects' names → node-sql-parser's builds and names. DuckDB's grammar grew out of PostgreSQL's. */
const GRAMMARS: Readonly<Record<string, { readonly build: string; readonly database: string }>> = {
  postgres: { build: 'postgresql', database: 'Postgresql' },
  duckdb: { build: 'postgresql', database: 'Postgresql' },
  mysql: { build: 'mysql', database: 'MySQL' },
  sqlite: { build: 'sqlite', database: 'Sqlite' },
  snowflake: { build: 'snowflake', database: 'Snowflake' },
  bigquery: { build: 'bigquery', database: 'BigQuery' },
};

const require = createRequire(import.meta.url);
const parsers = new Map<string, Parser>();

/**
 * Refuses what the parser understands and what is not one reading statement. A text it does not understand (vendors' own
 * syntax is what native queries are for) passes: the silo runs it as a subquery, where no statement can write.
 * @throws CausewayError 25006
 */
export function requireReading(silo: string, text: string, dialect: string): void {
  const grammar = GRAMMARS[dialect];
  if (grammar === undefined) return;
  const types = statementTypes(text, grammar);
  const writing = types?.find((type) => type !== 'select');
  if (types === undefined || (types.length === 1 && writing === undefined)) return;
  const what = writing === undefined ? `${types.length} statements` : `a ${writing.toUpperCase()}`;
  throw new CausewayError(
    SQLSTATE.readOnlySqlTransaction,
    `${silo}.query takes one statement that reads, not ${what}`,
    {
      hint: 'Write one SELECT in the dialect of the silo.',
    },
  );
}

function statementTypes(text: string, { build, database }: (typeof GRAMMARS)[string]): string[] | undefined {
  let parser = parsers.get(build);
  if (parser === undefined) {
    // One dialect's build is a tenth of the whole package.
    const loaded = require(`node-sql-parser/build/${build}.js`) as { readonly Parser: new () => Parser };
    parser = new loaded.Parser();
    parsers.set(build, parser);
  }
  try {
    return [parser.astify(text, { database })].flat().map(({ type }) => type ?? 'statement');
  } catch {
    return undefined;
  }
}
