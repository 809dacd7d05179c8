import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { quoteLiteral } from './conform.ts';
import { connectDuckDB } from './process.ts';

test('a Parquet file that is replaced within the second is read anew', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-replaced-'));
  const connection = await connectDuckDB();
  try {
    const file = quoteLiteral(join(directory, 'numbers.parquet'));
    for (let first = 0; first < 400; first += 37) {
      rmSync(join(directory, 'numbers.parquet'), { force: true });
      await connection.run(
        `COPY (SELECT (${first} + i)::integer AS n FROM range(3) AS r (i)) TO ${file} (FORMAT parquet)`,
      );
      const found = await connection.runAndReadAll(`SELECT n FROM read_parquet(${file}) GROUP BY n ORDER BY n`);
      expect(found.getRowsJson()).toEqual([[first], [first + 1], [first + 2]]);
    }
  } finally {
    connection.closeSync();
    rmSync(directory, { recursive: true, force: true });
  }
});
