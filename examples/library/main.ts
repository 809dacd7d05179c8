/**
 * Causeway as a library: two folders of CSV files are two silos; one SELECT reads both, one TRAIN learns in both.
 *
 *     node examples/library/main.ts
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CausewayError, Engine, type StatementResult } from '../../src/index.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-example-'));

/** A month of hourly temperatures: a daily wave around a city's own mean, and weather that comes and goes. */
function writeReadings(city: string, mean: number): void {
  const rows = Array.from({ length: 24 * 30 }, (_, hour) => {
    const time = new Date(Date.UTC(2025, 5, 1, hour)).toISOString().slice(0, 19).replace('T', ' ');
    return `${time},${(mean + 6 * Math.sin((2 * Math.PI * (hour - 9)) / 24) + 3 * Math.sin(hour / 17)).toFixed(2)}`;
  });
  mkdirSync(join(directory, city));
  writeFileSync(join(directory, city, 'readings.csv'), `ts,temperature\n${rows.join('\n')}\n`);
}

/** Results are Arrow record batches: columns by position, values by row. */
async function print({ columns, batches }: StatementResult): Promise<void> {
  for await (const batch of batches) {
    for (let row = 0; row < batch.numRows; row++) {
      console.log(columns.map(({ name }, i) => `${name}: ${String(batch.getChildAt(i)?.get(row))}`).join('  '));
    }
  }
}

try {
  writeReadings('oslo', 12);
  writeReadings('rome', 24);
  await using engine = await Engine.open({ directory: join(directory, 'catalog') });
  await using session = engine.openSession();
  const script = `
    CREATE SILO oslo USING files OPTIONS (path '${join(directory, 'oslo')}');
    CREATE SILO rome USING files OPTIONS (path '${join(directory, 'rome')}');
    CREATE FEDERATED TABLE readings AS oslo.readings, rome.readings;
    SELECT silo, avg(temperature) FROM readings GROUP BY silo ORDER BY silo;
    TRAIN MODEL warmth PREDICT temperature FORECAST BY ts WINDOW 24
      USING lstm (hidden => 16, season => 24, learning_rate => 1e-2) FEDERATE fedavg (rounds => 10)
      AS SELECT ts, temperature FROM readings;
    SELECT silo, ts, temperature FROM ml.forecast('warmth', horizon => 3) ORDER BY silo, ts;`;
  const onNotice = ({ message }: { message: string }): void => console.log(message);
  for await (const result of session.execute(script, { onNotice })) await print(result);
} catch (thrown) {
  if (!(thrown instanceof CausewayError)) throw thrown;
  console.error(`${thrown.sqlstate}: ${thrown.message}\n${thrown.hint ?? ''}`);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
