/** The tables that the conformance kit puts into every silo. */
import { arrayOf, numeric, type SqlType, scalar, type TypeKind } from '../src/plan/types.ts';
import type { Capabilities } from './capabilities.ts';
import type { ResultColumn } from './connector.ts';

/** A table with its rows in PostgreSQL's text form. */
export interface ProbeTable {
  readonly name: string;
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Per type its extremes, and what is easily mangled. */
const SAMPLES: Readonly<Partial<Record<TypeKind, { readonly type: SqlType; readonly texts: readonly string[] }>>> = {
  boolean: { type: scalar('boolean'), texts: ['t', 'f'] },
  smallint: { type: scalar('smallint'), texts: ['32767', '-32768', '0'] },
  integer: { type: scalar('integer'), texts: ['2147483647', '-2147483648', '0'] },
  bigint: { type: scalar('bigint'), texts: ['9223372036854775807', '-9223372036854775808', '9007199254740993'] },
  real: { type: scalar('real'), texts: ['3.4e+38', '-1e-37', '0.1'] },
  double: { type: scalar('double'), texts: ['1.7e+308', '-2.5e-300', '0.1', '123456789012345.6'] },
  numeric: {
    type: numeric(38, 10),
    texts: ['1234567890123456789012345678.0123456789', '-0.0000000001', '0.0000000000', '99.9900000000'],
  },
  text: {
    type: scalar('text'),
    texts: [
      '',
      ' spaces ',
      'it\'s \\ a "test"\n\t',
      'äöü ß 漢字 🚀',
      'longer than twelve bytes',
      '\\N',
      'NULL',
      'a,b;c|d',
    ],
  },
  varchar: { type: { kind: 'varchar', length: 20 }, texts: ['', 'varying', 'ÄÖÜ'] },
  char: { type: { kind: 'char', length: 5 }, texts: ['ab   ', '     ', 'abcde'] },
  bytea: { type: scalar('bytea'), texts: ['\\x', '\\x00ff10', '\\xdeadbeefdeadbeefdeadbeefdeadbeef'] },
  date: { type: scalar('date'), texts: ['1970-01-01', '2024-02-29', '9999-12-31', '1000-01-01'] },
  time: { type: scalar('time'), texts: ['00:00:00', '23:59:59.999999', '12:34:56.7'] },
  timetz: { type: scalar('timetz'), texts: ['12:34:56+05:30', '00:00:00-11'] },
  timestamp: {
    type: scalar('timestamp'),
    texts: ['1970-01-01 00:00:00', '2024-02-29 23:59:59.999999', '1000-01-01 00:00:00', '9999-12-31 23:59:59'],
  },
  timestamptz: {
    type: scalar('timestamptz'),
    texts: ['1970-01-01 00:00:01+00', '2024-02-29 23:59:59.999999+00', '2037-01-01 00:00:00+00'],
  },
  interval: { type: scalar('interval'), texts: ['1 year 2 mons -3 days +04:05:06.7', '00:00:00', '-1 mons'] },
  uuid: {
    type: scalar('uuid'),
    texts: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000'],
  },
  json: { type: scalar('json'), texts: ['{"a": [1, 2, null], "b": "ä"}', '[]', '3'] },
  jsonb: { type: scalar('jsonb'), texts: ['{"a": [1, 2, null], "b": "ä"}', '[]', '3'] },
  array: { type: arrayOf(scalar('integer')), texts: ['{1,NULL,3}', '{}', '{-2147483648}'] },
};

/** One column per type the silo holds, its samples row by row, and one row of NULLs. */
export function typeTable({ types }: Capabilities): ProbeTable {
  const samples = types.flatMap((kind) => SAMPLES[kind] ?? []);
  const longest = Math.max(...samples.map(({ texts }) => texts.length));
  const rows = Array.from({ length: longest }, (_, row) => samples.map(({ texts }) => texts[row % texts.length]!));
  return {
    name: 'types',
    columns: samples.map(({ type }) => ({ name: `a_${type.kind}`, type })),
    rows: [...rows, samples.map(() => null)],
  };
}

/** All tables of the kit: every type, many rows, none, and names that need care. */
export function probeTables(capabilities: Capabilities, bigRows: number): readonly ProbeTable[] {
  const id = { name: 'id', type: scalar('integer') };
  const note = { name: 'note', type: scalar('text') };
  return [
    typeTable(capabilities),
    {
      name: 'big',
      columns: [id, note],
      rows: Array.from({ length: bigRows }, (_, i) => [String(i), `note number ${i} of many`]),
    },
    { name: 'nothing', columns: [id, note], rows: [] },
    {
      name: 'Odd "näme" ☃',
      columns: [
        { name: 'select', type: scalar('integer') },
        { name: 'Mixed Case', type: scalar('text') },
        { name: 'qu"ote', type: scalar('text') },
      ],
      rows: [['1', 'x', 'y']],
    },
  ];
}
