/** Four small tables with NULLs, duplicates and odd values, the same for the same seed. */
import { random } from '../sqllogic/placements.ts';

/** The kinds of columns that random queries know; each table has an int. */
export type Kind = 'int' | 'num' | 'text' | 'bool' | 'date' | 'dbl' | 'ts' | 'span' | 'ints';

export const TABLES: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  t1: { id: 'int', n: 'int', x: 'num', s: 'text', d: 'date', b: 'bool', f: 'dbl' },
  t2: { id: 'int', m: 'int', y: 'num', s: 'text', u: 'text', d: 'date' },
  t3: { k: 'int', n: 'int', w: 'text', b: 'bool', f: 'dbl' },
  // No SQLite holds these types.
  t4: { id: 'int', at: 'ts', until: 'ts', span: 'span', tags: 'ints', d: 'date' },
};

const TYPES: Readonly<Record<Kind, string>> = {
  int: 'integer',
  num: 'numeric(8,2)',
  text: 'text',
  bool: 'boolean',
  date: 'date',
  dbl: 'double precision',
  ts: 'timestamp',
  span: 'interval',
  ints: 'integer[]',
};

const VALUES: Readonly<Record<Kind, readonly string[]>> = {
  int: ['0', '1', '2', '3', '5', '-1', '7', '42', 'NULL'],
  num: ['0.00', '1.50', '-2.25', '10.00', '999.99', '0.01', 'NULL'],
  text: ["''", "'a'", "'A'", "'ab'", "'a_b'", "'b%'", "'票'", "' x'", "'zz'", 'NULL'],
  bool: ['true', 'false', 'NULL'],
  date: ["'2024-01-01'", "'2024-02-29'", "'2023-12-31'", "'1999-01-31'", 'NULL'],
  dbl: ['0', '0.5', '-1.25', '64', '3', 'NULL'],
  ts: ["'2024-01-01 00:00:00'", "'2024-02-29 23:59:59.5'", "'2023-12-31 12:30:00'", "'1999-01-31 06:00:00'", 'NULL'],
  span: ["'1 day'", "'-2 hours'", "'1 month 3 days'", "'00:00:00'", "'1 year -1 day'", 'NULL'],
  ints: ["'{}'", "'{1,2}'", "'{2,1,NULL}'", "'{5}'", "'{1}'", 'NULL'],
};

/** The statements that make and fill the tables. */
export function dataStatements(seed: number): readonly string[] {
  const draw = random(seed);
  const pick = (values: readonly string[]): string => values[Math.floor(draw() * values.length)]!;
  return Object.entries(TABLES).flatMap(([table, columns]) => {
    const definitions = Object.entries(columns).map(([column, kind]) => `${column} ${TYPES[kind]}`);
    const rows = Array.from(
      { length: 12 },
      () =>
        `(${Object.values(columns)
          .map((kind) => pick(VALUES[kind]))
          .join(', ')})`,
    );
    return [`CREATE TABLE ${table} (${definitions.join(', ')})`, `INSERT INTO ${table} VALUES ${rows.join(', ')}`];
  });
}
