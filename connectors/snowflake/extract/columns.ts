/**
 * How a column goes through Parquet unchanged. The service writes numbers, texts, dates and booleans as they are; moments with
 * a zone it refuses, and of those without one it does not say how many decimals survive: they travel as microseconds.
 */
import type { ResultColumn } from '../../connector.ts';
import { duckdbTypeName } from '../../duckdb-engine/types.ts';

/** `$1` is the column: in the unloading query, and in the one that reads the file. */
interface Travel {
  readonly unload: string;
  readonly read: string;
}

const AS_IT_IS: Travel = { unload: '$1', read: '$1' };
const MOMENT: Travel = { unload: "DATE_PART('EPOCH_MICROSECOND', $1)", read: 'make_timestamp(CAST($1 AS BIGINT))' };
const JSON_TEXT: Travel = { unload: 'TO_JSON($1)', read: '$1' };

/** By the service's word for the type. What is not here does not travel in files. */
const TRAVELS: Readonly<Record<string, Travel>> = {
  fixed: AS_IT_IS,
  real: AS_IT_IS,
  boolean: AS_IT_IS,
  date: AS_IT_IS,
  text: AS_IT_IS,
  timestamp_ntz: MOMENT,
  timestamp_ltz: MOMENT,
  timestamp_tz: MOMENT,
  time: {
    unload: "DATEDIFF('microsecond', CAST('00:00:00' AS TIME), $1)",
    read: "CAST(TIME '00:00:00' + to_microseconds(CAST($1 AS BIGINT)) AS TIME)",
  },
  binary: { unload: 'HEX_ENCODE($1)', read: 'unhex($1)' },
  variant: JSON_TEXT,
  object: JSON_TEXT,
  array: JSON_TEXT,
};

/** Numbers whose decimals the plan does not know travel as their digits. */
const DIGITS: Travel = { unload: 'TO_VARCHAR($1)', read: '$1' };

/** One per column; undefined where one of them has no way. */
export function travelsOf(columns: readonly ResultColumn[], spelled: readonly string[]): readonly Travel[] | undefined {
  const travels = columns.map(({ type }, i) => {
    const known = TRAVELS[spelled[i]!];
    return known === AS_IT_IS && duckdbTypeName(type) === undefined ? DIGITS : known;
  });
  return travels.every((travel) => travel !== undefined) ? travels : undefined;
}

export const unloadQuery = (text: string, travels: readonly Travel[]): string => {
  const values = travels.map(({ unload }, i) => `${unload.replaceAll('$1', `t.c${i}`)} AS c${i}`);
  return `SELECT ${values.join(', ')} FROM (${text}\n) AS t(${travels.map((_, i) => `c${i}`).join(', ')})`;
};

/** DuckDB's query of one file. By position: the service folds the columns' names. */
export const readQuery = (path: string, columns: readonly ResultColumn[], travels: readonly Travel[]): string => {
  const values = travels.map(({ read }, i) => {
    const value = read.replaceAll('$1', `t.c${i}`);
    const type = duckdbTypeName(columns[i]!.type);
    return type === undefined ? value : `CAST(${value} AS ${type})`;
  });
  const names = travels.map((_, i) => `c${i}`).join(', ');
  return `SELECT ${values.join(', ')} FROM read_parquet('${path.replaceAll("'", "''")}') AS t(${names})`;
};
