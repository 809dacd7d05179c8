/** `causeway demo`: three real silos, a federated SELECT, a TRAIN, its evaluation and forecast, and what left. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { Engine } from '../../engine/engine.ts';
import type { Session } from '../../engine/session.ts';
import { loadIntoDuckDB, loadIntoParquet, loadIntoPostgres } from '../demo/births.ts';
import { startPostgres } from '../demo/embedded-postgres.ts';
import { demoReport } from '../demo/report.ts';
import * as script from '../demo/script.ts';
import { interruptSignal } from '../interrupt.ts';
import { describeError } from '../report-error.ts';
import { runScript } from '../run-script.ts';

interface DemoOptions {
  readonly dir?: string;
  readonly rounds: number;
  readonly json?: boolean;
}

export function demoCommand(program: Command): void {
  program
    .command('demo')
    .description('train one model over three real silos, from text to forecast')
    .option('--dir <dir>', 'keep the catalog and the file silos here (default: a temporary directory)')
    .option('--rounds <n>', 'rounds of federated training', wholeNumber, 20)
    .option('--json', 'print the facts as one JSON object')
    .action(run);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

async function run(options: DemoOptions): Promise<void> {
  const began = performance.now();
  const directory = options.dir === undefined ? mkdtempSync(join(tmpdir(), 'causeway-demo-')) : resolve(options.dir);
  const { signal } = interruptSignal();
  try {
    // A demo starts from nothing: what an earlier one left in the directory would clash with its names.
    for (const name of ['catalog', 'silos']) rmSync(join(directory, name), { recursive: true, force: true });
    mkdirSync(join(directory, 'silos'), { recursive: true });
    await using postgres = await startPostgres();
    const places = {
      postgresUrl: postgres.url,
      duckdbFile: join(directory, 'silos', 'cdc.duckdb'),
      parquetDirectory: join(directory, 'silos', 'ssa'),
    };
    await loadIntoPostgres('nchs', places.postgresUrl);
    await loadIntoDuckDB('cdc', places.duckdbFile);
    await loadIntoParquet('ssa', places.parquetDirectory);
    await using engine = await Engine.open({ directory: join(directory, 'catalog') });
    await using session = engine.openSession();
    if (!(await play(session, options, places, signal))) {
      process.exitCode = 1;
      return;
    }
    const report = await demoReport(engine, session, 'next_day', began);
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else {
      process.stdout.write(`Done in ${report.seconds.toFixed(1)} s, loading the silos included.\n`);
      if (options.dir !== undefined) {
        process.stdout.write(
          `The model and the file silos are kept: causeway sql --dir ${join(options.dir, 'catalog')}\n` +
            'The PostgreSQL silo lived for the demo only.\n',
        );
      }
    }
  } catch (thrown) {
    process.stderr.write(`${describeError(thrown)}\n`);
    process.exitCode = 1;
  } finally {
    if (options.dir === undefined) rmSync(directory, { recursive: true, force: true });
  }
}

/** Runs the steps; with --json nothing is printed but errors. */
async function play(
  session: Session,
  { rounds, json }: DemoOptions,
  places: script.DemoPlaces,
  signal: AbortSignal,
): Promise<boolean> {
  const { createSilos, SELECT, JOIN, explainTrain, train, EVALUATE, FORECAST, EGRESS } = script;
  const steps = [createSilos(places), SELECT, JOIN, explainTrain(rounds), train(rounds), EVALUATE, FORECAST, EGRESS];
  for (const { title, sql } of steps) {
    if (!json) process.stdout.write(`\n\x1b[1m${title}\x1b[0m\n\n${indent(hideSecrets(sql))}\n\n`);
    const write = json ? () => undefined : (chunk: string) => process.stdout.write(chunk);
    if (!(await runScript(session, sql, 'table', signal, write))) return false;
  }
  return true;
}

const indent = (text: string): string => text.replace(/^/gm, '    ');

const hideSecrets = (sql: string): string => sql.replace(/(:\/\/[^:/@]*:)[^@]*@/g, '$1***@');
