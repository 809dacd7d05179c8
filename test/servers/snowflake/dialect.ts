/** Snowflake's SQL on DuckDB: types and functions under other names, strings with escapes, INFORMATION_SCHEMA. */
import { duckdbString, stringValue, tokens } from '../warehouse/tokens.ts';

const LEXICON = { backslash: true, nameQuote: '"' } as const;

/** Words that mean a type, and DuckDB's word for it. */
const TYPES: Readonly<Record<string, string>> = {
  NUMBER: 'DECIMAL',
  TIMESTAMP_NTZ: 'TIMESTAMP',
  TIMESTAMP_LTZ: 'TIMESTAMPTZ',
  TIMESTAMP_TZ: 'TIMESTAMPTZ',
  VARIANT: 'JSON',
  OBJECT: 'JSON',
  GEOGRAPHY: 'JSON',
  STRING: 'VARCHAR',
  BINARY: 'BLOB',
  FLOAT: 'DOUBLE',
};

/** Functions that DuckDB has under another name. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  GREATEST_IGNORE_NULLS: 'greatest',
  LEAST_IGNORE_NULLS: 'least',
  STARTSWITH: 'starts_with',
  BOOLAND_AGG: 'bool_and',
  BOOLOR_AGG: 'bool_or',
  TO_BINARY: 'binary_of',
  POSITION: 'position_of',
  DATE_PART: 'date_part_of',
  HEX_ENCODE: 'hex',
  TO_JSON: 'json',
  SUBSTR: 'substr_of',
};

/** Functions that DuckDB has not. */
export const MACROS: readonly string[] = [
  'iff(a, b, c) AS CASE WHEN a THEN b ELSE c END',
  // A place may be any number in Snowflake.
  'substr_of(s, a) AS substring(s, CAST(a AS BIGINT)), (s, a, n) AS substring(s, CAST(a AS BIGINT), CAST(n AS BIGINT))',
  'position_of(part, whole) AS strpos(whole, part)',
  // The one part that is asked for in this way.
  'date_part_of(part, d) AS epoch_us(d)',
  "dayofweekiso(d) AS date_part('isodow', d)",
  "weekiso(d) AS date_part('week', d)",
  "yearofweekiso(d) AS date_part('isoyear', d)",
  'binary_of(a, format) AS unhex(a)',
  'to_boolean(a) AS CAST(a AS BOOLEAN)',
  'parse_json(a) AS CAST(a AS JSON)',
  'to_varchar(a) AS CAST(a AS VARCHAR)',
].map((macro) => `CREATE MACRO ${macro}`);

/** A text of Snowflake as one of DuckDB. What is not known passes as it is, and fails there. */
export function toDuckdb(text: string): string {
  const found = tokens(text, LEXICON);
  const significant = (from: number): number => {
    let at = from;
    while (found[at]?.kind === 'space' || found[at]?.kind === 'comment') at++;
    return at;
  };
  const out: string[] = [];
  for (let i = 0; i < found.length; i++) {
    const { kind, text: token } = found[i]!;
    if (kind === 'comment') {
      out.push(' ');
    } else if (kind === 'string') {
      out.push(duckdbString(stringValue(token)));
    } else if (kind === 'word') {
      const upper = token.toUpperCase();
      const next = significant(i + 1);
      const follows = found[next]?.text;
      if (upper === 'INFORMATION_SCHEMA') out.push('CATALOG_OF_SNOWFLAKE');
      else if (upper === 'TRANSIENT' || upper === 'TEMPORARY') out.push('');
      else if (upper === 'LIMIT' && follows === 'NULL') {
        out.push('LIMIT ALL');
        i = next;
      } else if (Object.hasOwn(FUNCTIONS, upper) && follows === '(') out.push(FUNCTIONS[upper]!);
      else if (upper === 'NUMBER' && follows !== '(') out.push('DECIMAL(38, 0)');
      else if (Object.hasOwn(TYPES, upper)) {
        out.push(TYPES[upper]!);
        // A number of decimals of seconds, or a length of bytes, that DuckDB does not take.
        if (upper !== 'NUMBER' && upper !== 'STRING' && follows === '(')
          i = found.findIndex((each, at) => at > i && each.text === ')');
      } else if (upper === 'TIME' && follows === '(') {
        out.push('TIME');
        i = found.findIndex((each, at) => at > i && each.text === ')');
      } else out.push(upper); // unquoted names are folded
    } else if (token === '"PUBLIC"' && found[i + 1]?.text === '.') out.push('main');
    else out.push(token);
  }
  return out.join('');
}

/** True for texts that give rows. */
export const isQuery = (text: string): boolean => /^\s*(\(|select|with|values|show|describe)/i.test(text);

/** Names that DuckDB keeps beside its own schemas; TABLE_CATALOG … as Snowflake has them. */
export const CATALOG_VIEWS: readonly string[] = [
  'CREATE SCHEMA catalog_of_snowflake',
  'CREATE TABLE catalog_of_snowflake.declared (table_name VARCHAR, column_name VARCHAR, type VARCHAR)',
  `CREATE VIEW catalog_of_snowflake.tables AS
     SELECT 'PUBLIC' AS TABLE_SCHEMA, table_name AS TABLE_NAME, 'BASE TABLE' AS TABLE_TYPE, estimated_size AS ROW_COUNT,
       estimated_size * 16 AS BYTES, comment AS COMMENT FROM duckdb_tables() WHERE schema_name = 'main'
     UNION ALL SELECT 'PUBLIC', view_name, 'VIEW', NULL, NULL, comment FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal`,
  `CREATE VIEW catalog_of_snowflake.columns AS
     SELECT 'PUBLIC' AS TABLE_SCHEMA, c.table_name AS TABLE_NAME, c.column_name AS COLUMN_NAME,
       c.column_index AS ORDINAL_POSITION, CASE WHEN is_nullable THEN 'YES' ELSE 'NO' END AS IS_NULLABLE,
       coalesce(d.type, CASE
         WHEN data_type LIKE 'DECIMAL%' OR data_type IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT') THEN 'NUMBER'
         WHEN data_type IN ('DOUBLE', 'FLOAT') THEN 'FLOAT' WHEN data_type = 'VARCHAR' THEN 'TEXT'
         WHEN data_type = 'BLOB' THEN 'BINARY' WHEN data_type = 'TIMESTAMP' THEN 'TIMESTAMP_NTZ'
         WHEN data_type LIKE 'TIMESTAMP WITH%' THEN 'TIMESTAMP_LTZ' WHEN data_type = 'JSON' THEN 'VARIANT'
         ELSE data_type END) AS DATA_TYPE,
       CASE data_type WHEN 'SMALLINT' THEN 5 WHEN 'INTEGER' THEN 38 WHEN 'BIGINT' THEN 38 WHEN 'HUGEINT' THEN 38
         ELSE CASE WHEN data_type LIKE 'DECIMAL%' THEN numeric_precision END END AS NUMERIC_PRECISION,
       CASE WHEN data_type LIKE 'DECIMAL%' THEN numeric_scale WHEN data_type LIKE '%INT%' THEN 0 END AS NUMERIC_SCALE,
       CASE WHEN data_type = 'VARCHAR' THEN 16777216 END AS CHARACTER_MAXIMUM_LENGTH, NULL AS COLLATION_NAME, c.comment AS COMMENT
     FROM duckdb_columns() AS c
     LEFT JOIN catalog_of_snowflake.declared AS d ON d.table_name = c.table_name AND d.column_name = c.column_name
     WHERE c.schema_name = 'main'`,
];
