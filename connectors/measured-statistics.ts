/** One statement that measures what a catalog does not know of a table's columns: bounds, distinct values, NULLs, widths. */
import { scalar } from '../src/plan/types.ts';
import type { ColumnStatistics, Measurement, ResultColumn, TableInfo } from './connector.ts';
import { dialectIdentifier } from './quoting.ts';

/** Types whose bounds say something of a range. */
const BOUNDED: readonly string[] = [
  ...['smallint', 'integer', 'bigint', 'numeric', 'real', 'double'],
  ...['date', 'time', 'timestamp', 'timestamptz'],
];
const NUMBERS: readonly string[] = ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double'];
const TEXTS: readonly string[] = ['text', 'varchar', 'char'];

/** What one column adds to the statement. */
interface Measure {
  readonly column: string;
  readonly of: keyof ColumnStatistics | 'known';
  readonly result: ResultColumn;
  readonly expression: string;
}

export function measurement(
  { columns, schema, table }: TableInfo,
  dialect: Parameters<typeof dialectIdentifier>[1],
): Measurement {
  const identifier = (name: string) => dialectIdentifier(name, dialect);
  const from = schema === undefined ? identifier(table) : `${identifier(schema)}.${identifier(table)}`;
  const measures = columns.flatMap(({ name, type }): Measure[] => {
    const column = identifier(name);
    const measure = (
      of: Measure['of'],
      expression: string,
      kind = scalar('bigint') as ResultColumn['type'],
    ): Measure => {
      return { column: name, of, expression, result: { name: `${of} of ${name}`, type: kind } };
    };
    if (!BOUNDED.includes(type.kind) && !TEXTS.includes(type.kind)) return [measure('known', `COUNT(${column})`)];
    return [
      measure('known', `COUNT(${column})`),
      measure('distinct', `APPROX_COUNT_DISTINCT(${column})`),
      ...(BOUNDED.includes(type.kind)
        ? [measure('min', `MIN(${column})`, type), measure('max', `MAX(${column})`, type)]
        : [measure('width', `AVG(LENGTH(${column}))`, scalar('double'))]),
    ];
  });
  const kinds = new Map(columns.map(({ name, type }) => [name, type.kind]));
  return {
    text: `SELECT ${['COUNT(*)', ...measures.map(({ expression }) => expression)].join(', ')} FROM ${from}`,
    columns: [{ name: 'rows', type: scalar('bigint') }, ...measures.map(({ result }) => result)],
    read([count, ...values]) {
      const rows = Number(count);
      const found: Record<string, Record<string, string | number>> = {};
      for (const [i, { column, of }] of measures.entries()) {
        const value = values[i];
        if (value === null || value === undefined) continue;
        const isNumber = of === 'distinct' || of === 'width' || NUMBERS.includes(kinds.get(column)!);
        const [name, known] =
          of === 'known'
            ? ['nullFraction', rows === 0 ? 0 : 1 - Number(value) / rows]
            : [of, isNumber ? Number(value) : value];
        found[column] = { ...found[column], [name]: known };
      }
      return { rows, columns: found };
    },
  };
}
