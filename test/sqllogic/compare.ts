/** Comparing rows with a record's expectation. */
import type { Sort } from './records.ts';

export type Row = readonly (string | null)[];

/** What is wrong with the rows, or undefined when nothing is. */
export function difference(
  types: string,
  sort: Sort,
  expected: readonly string[],
  actual: readonly Row[],
): string | undefined {
  const rows = actual.map((row) => row.map((value, i) => shown(value, types[i] ?? 'T')));
  const wanted = expected.map((line) => line.split('\t'));
  if (rows.length !== wanted.length) return `${rows.length} rows instead of ${wanted.length}${sample(rows)}`;
  const ordered = (all: readonly (readonly string[])[]) =>
    sort === 'rowsort' ? [...all].sort((a, b) => compareText(key(a, types), key(b, types))) : all;
  const [left, right] = [ordered(rows), ordered(wanted)];
  for (const [i, row] of left.entries()) {
    const want = right[i]!;
    if (row.length !== want.length || !row.every((value, c) => same(value, want[c]!, types[c] ?? 'T'))) {
      return `row ${i + 1} is ${JSON.stringify(row)} instead of ${JSON.stringify(want)}`;
    }
  }
  return undefined;
}

const sample = (rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? '' : `, first ${JSON.stringify(rows[0])}`;

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Numbers sort by their value's text, so that 1.0 and 1 stand at one place. */
const key = (row: readonly string[], types: string): string =>
  row.map((value, i) => (types[i] === 'R' && value !== 'NULL' ? Number(value).toPrecision(6) : value)).join('\t');

function shown(value: string | null, type: string): string {
  if (value === null) return 'NULL';
  if (value === '') return '(empty)';
  return type === 'B' ? (value === 't' ? 'true' : value === 'f' ? 'false' : value) : value;
}

function same(a: string, b: string, type: string): boolean {
  if (a === b) return true;
  if (type !== 'R' && type !== 'I') return false;
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return a.toLowerCase() === b.toLowerCase();
  return x === y || Math.abs(x - y) <= 1e-6 * Math.max(Math.abs(x), Math.abs(y));
}
