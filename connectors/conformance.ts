/**
 * The connectors' test kit: what every silo must do, whatever it is. A connector's test calls {@link conformance} with a
 * place to work in; what the place cannot offer (no server to cut off, nothing to write) is skipped with its reason.
 */
import type { RecordBatch } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SqlType, scalar } from '../src/plan/types.ts';
import { type ProbeTable, probeTables, typeTable } from './conformance-probes.ts';
import type { Connector, Fragment, FragmentResult, ResultColumn, Silo, SiloOptions, TableInfo } from './connector.ts';
import { conform } from './duckdb-engine/conform.ts';
import { connectDuckDB } from './duckdb-engine/process.ts';
import { streamQuery } from './duckdb-engine/reader.ts';
import { dialectIdentifier } from './quoting.ts';
import { batchTexts } from './row-text.ts';

export interface ConformancePlace extends AsyncDisposable {
  readonly options: SiloOptions;
  /** Makes the tables in the silo, by other means than the connector. */
  readonly load: (tables: readonly ProbeTable[]) => Promise<void>;
  /** Options of the same silo behind something that cuts the connection after so many bytes; how many were cut. */
  readonly cutAfter?: (bytes: number) => Promise<{ readonly options: SiloOptions } & AsyncDisposable>;
  /** Statements the silo's server is busy with, asked by other means. */
  readonly busy?: () => Promise<number>;
  /** A statement that takes minutes and gives one integer. */
  readonly slow?: string;
}

export interface ConformanceTarget {
  readonly connector: Connector;
  /** What is tested, where the connector's kind does not say it all. */
  readonly what?: string;
  readonly open: () => Promise<ConformancePlace>;
  /** What this kind of silo cannot do or cannot be shown to do, with the reason. */
  readonly skip?: Readonly<Partial<Record<'cancel' | 'cut' | 'write' | 'names', string>>>;
}

const BIG_ROWS = 100_000;

export function conformance({ connector, what = connector.kind, open, skip = {} }: ConformanceTarget): void {
  const signal = new AbortController().signal;
  let place: ConformancePlace;
  let silo: Silo;
  let tables: readonly TableInfo[];
  const odd = skip.names === undefined;
  const probes = probeTables(connector.capabilities, BIG_ROWS).filter(({ name }) => odd || name !== ODD);
  const copy = odd ? 'copy of "types"' : 'copy_of_types';

  describe(`${what} keeps the connector's contract`, () => {
    beforeAll(async () => {
      place = await open();
      await place.load(probes);
      silo = await connector.connect(place.options, signal);
      tables = await silo.tables(signal);
    });
    afterAll(async () => {
      await silo?.[Symbol.asyncDispose]();
      await place?.[Symbol.asyncDispose]();
    });

    const table = (name: string): TableInfo => {
      const found = tables.find((each) => each.table === name);
      if (found === undefined) throw new Error(`no table ${name} among ${tables.map((each) => each.table).join(', ')}`);
      return found;
    };
    const columnsOf = (name: string): ResultColumn[] => table(name).columns.map(({ name, type }) => ({ name, type }));
    const read = async (name: string, columns = columnsOf(name), from: Silo = silo) =>
      textsOf(await from.run(wholeTable(connector, name, columns), signal), columns);

    describe('metadata', () => {
      test.each(probes.map(({ name }) => name))('table %s is listed with its columns', (name) => {
        const probe = probes.find((each) => each.name === name)!;
        expect(table(name).columns.map((column) => column.name)).toEqual(probe.columns.map((column) => column.name));
      });

      test('types are told as declared', () => {
        for (const column of table('types').columns) {
          expect(connector.capabilities.types).toContain(column.type.kind);
        }
      });

      test('statistics never fail, and never say less than nothing', async () => {
        for (const { name } of probes) {
          const statistics = await silo.statistics({ table: name }, signal);
          expect(statistics?.rows ?? 0).toBeGreaterThanOrEqual(0);
        }
      });

      test('two connections to one place have one context', async () => {
        await using second = await connector.connect(place.options, signal);
        expect(second.context).toBe(silo.context);
      });
    });

    describe('rows', () => {
      test.each(typeTable(connector.capabilities).columns.map(({ type }) => type.kind))(
        '%s: extremes and NULL come back unchanged',
        async (kind) => {
          const probe = typeTable(connector.capabilities);
          const index = probe.columns.findIndex(({ type }) => type.kind === kind);
          const columns = [columnsOf('types')[index]!];
          const rows = await read('types', columns);
          const expected = probe.rows.map((row) => row[index]!);
          // A silo without the type holds the same text.
          const { type } = probe.columns[index]!;
          expect(sorted(rows.map(([text]) => normal(text!, type)))).toEqual(
            sorted(expected.map((text) => normal(text, type))),
          );
        },
      );

      test('an empty table gives no rows', async () => {
        expect(await read('nothing')).toEqual([]);
      });

      test('a big table comes whole', async () => {
        const rows = await read('big');
        expect(rows).toHaveLength(BIG_ROWS);
        expect(rows.reduce((sum, [id]) => sum + Number(id), 0)).toBe((BIG_ROWS * (BIG_ROWS - 1)) / 2);
      });

      test('columns are bound by position, under any names', async () => {
        const columns = columnsOf('big').map(({ type }, index) => ({ name: index === 0 ? 'same' : 'Same', type }));
        const sources = columnsOf('big').map(({ name }) => name);
        const result = await silo.run(wholeTable(connector, 'big', columns, sources), signal);
        const [first] = await textsOf(result, columns);
        expect(first).toHaveLength(columns.length);
      });

      test.skipIf(skip.names !== undefined)(
        `names in odd case, with quotes and beyond ASCII ${skip.names ?? ''}`,
        async () => {
          const odd = probes.find(({ name }) => name === ODD)!;
          expect(sorted((await read(ODD)).map((row) => row.join()))).toEqual(sorted(odd.rows.map((row) => row.join())));
        },
      );

      test('a consumer may stop early, and the silo is good for more', async () => {
        const result = await silo.run(wholeTable(connector, 'big', columnsOf('big')), signal);
        if (result.kind === 'batches') for await (const _ of result.batches) break;
        expect(await read('types')).toHaveLength(typeTable(connector.capabilities).rows.length);
      });

      test('many at once', async () => {
        const counts = await Promise.all(Array.from({ length: 20 }, async () => (await read('types')).length));
        expect(new Set(counts)).toEqual(new Set([typeTable(connector.capabilities).rows.length]));
      });
    });

    describe('trouble', () => {
      test('a statement that cannot run is an error', async () => {
        const bad: Fragment =
          connector.capabilities.language === 'sql'
            ? { kind: 'sql', text: 'SELECT no_such_column FROM big', columns: [{ name: 'x', type: scalar('text') }] }
            : { ...wholeTable(connector, 'no_such_table', [{ name: 'x', type: scalar('text') }]) };
        const failing = silo.run(bad, signal).then((result) => textsOf(result, bad.columns));
        await expect(failing).rejects.toMatchObject({
          name: 'CausewayError',
          sqlstate: expect.stringMatching(/^[0-9A-Z]{5}$/),
        });
      });

      test('an abort before the start is 57014', async () => {
        const run = Promise.resolve().then(() =>
          silo.run(wholeTable(connector, 'big', columnsOf('big')), AbortSignal.abort()),
        );
        await expect(run.then((result) => textsOf(result, columnsOf('big')))).rejects.toMatchObject({
          sqlstate: '57014',
        });
      });

      test.skipIf(skip.cancel !== undefined)(
        `an abort ends the statement at the silo ${skip.cancel ?? ''}`,
        async () => {
          const controller = new AbortController();
          const columns = [{ name: 'x', type: scalar('bigint') }];
          const running = silo
            .run({ kind: 'sql', text: place.slow!, columns }, controller.signal)
            .then((result) => textsOf(result, columns, controller.signal));
          const outcome = expect(running).rejects.toMatchObject({ sqlstate: '57014' });
          await eventually(async () => place.busy === undefined || (await place.busy()) > 0);
          controller.abort();
          await outcome;
          await eventually(async () => place.busy === undefined || (await place.busy()) === 0);
        },
      );

      test.skipIf(skip.cut !== undefined)(
        `a connection that is cut is an error, never a short result ${skip.cut ?? ''}`,
        async () => {
          // So early that no row was sent, in the middle of rows, and later.
          for (const bytes of [4_000, 100_000, 1_000_000]) {
            await using cut = await place.cutAfter!(bytes);
            const attempt = (async () => {
              await using behind = await connector.connect(cut.options, signal);
              return await read('big', columnsOf('big'), behind);
            })();
            await expect(attempt).rejects.toMatchObject({ sqlstate: expect.stringMatching(/^08/) });
          }
          expect(await read('nothing')).toEqual([]);
        },
      );
    });

    describe.skipIf(skip.write !== undefined)(`writing ${skip.write ?? ''}`, () => {
      const written = async (to: string, mode: 'create' | 'append', from = 'types') => {
        const columns = columnsOf(from);
        const source = await silo.run(wholeTable(connector, from, columns), signal);
        return silo.write!({ table: { table: to }, columns, batches: batchesOf(source), mode }, signal);
      };

      test('every type is written and read back', async () => {
        const { rows } = await written(copy, 'create');
        tables = await silo.tables(signal);
        expect(rows).toBe(typeTable(connector.capabilities).rows.length);
        expect(sorted((await read(copy)).map(String))).toEqual(sorted((await read('types')).map(String)));
      });

      test('appending adds, creating twice is 42P07', async () => {
        await written('twice', 'create');
        const { rows } = await written('twice', 'append');
        tables = await silo.tables(signal);
        expect(await read('twice')).toHaveLength(rows * 2);
        await expect(written('twice', 'create')).rejects.toMatchObject({ sqlstate: '42P07' });
      });

      test('a source that fails leaves nothing behind', async () => {
        const columns = columnsOf('types');
        const failing = async function* () {
          yield* batchesOf(await silo.run(wholeTable(connector, 'types', columns), signal));
          throw new Error('the source broke');
        };
        const request = { table: { table: 'broken' }, columns, batches: failing(), mode: 'create' } as const;
        await expect(silo.write!(request, signal)).rejects.toThrow('the source broke');
        expect((await silo.tables(signal)).map(({ table }) => table)).not.toContain('broken');
      });
    });
  });
}

const ODD = 'Odd "näme" ☃';

const sorted = (texts: readonly (string | null)[]): (string | null)[] => [...texts].sort();

/** Numbers without a fixed scale may have gained or lost zeros at the end. */
function normal(text: string | null, type: SqlType): string | null {
  if (text === null) return null;
  if (type.kind === 'numeric') return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  if (type.kind === 'json' || type.kind === 'jsonb') return JSON.stringify(JSON.parse(text));
  return text;
}

/** A fragment that reads all of a table, its columns under the names that `columns` gives them. */
function wholeTable(
  connector: Connector,
  table: string,
  columns: readonly ResultColumn[],
  sourceColumns = columns.map(({ name }) => name),
): Fragment {
  const names = columns.map(({ name }) => name);
  const { dialect } = connector.capabilities;
  if (dialect === undefined) {
    return { kind: 'scan', table: { table }, sourceColumns, columns, filters: [] };
  }
  const quote = (name: string) => dialectIdentifier(name, dialect);
  const real = names.every((name) => name.toLowerCase() === 'same') ? '*' : names.map(quote).join(', ');
  return { kind: 'sql', text: `SELECT ${real} FROM ${quote(table)}`, columns };
}

/** The rows of a result, whichever kind it is of; relations are read by the process's DuckDB. */
async function textsOf(
  result: FragmentResult,
  columns: readonly ResultColumn[],
  signal: AbortSignal = new AbortController().signal,
): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = [];
  for await (const batch of batchesOf(result, signal)) {
    const texts = batchTexts(batch, columns);
    for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
  }
  return rows;
}

async function* batchesOf(
  result: FragmentResult,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<RecordBatch> {
  if (result.kind === 'batches') {
    yield* result.batches;
    return;
  }
  const connection = await connectDuckDB();
  try {
    const select = await conform(connection, result.select, result.columns, 'store');
    yield* streamQuery(connection, select, result.columns, signal);
  } finally {
    connection.closeSync();
    await result.release?.();
  }
}

/** Waits until `holds`, for ten seconds at most. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it did not come to that within ten seconds');
}
