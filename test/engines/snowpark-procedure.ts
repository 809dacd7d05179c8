/** The generated Snowpark procedure at the test server: its handler in a Python with torch, with a stand-in for the session. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { trainingProcedure } from '../../connectors/snowflake/training/procedure.ts';
import type { StepRows } from '../../connectors/training-step.ts';
import type { Procedures } from '../servers/snowflake/procedures.ts';
import { Refusal } from '../servers/snowflake/refusal.ts';
import { stepRows } from '../servers/snowflake/step-rows.ts';
import type { WarehouseSql } from '../servers/warehouse/duckdb-sql.ts';

/** One Python process, which does one job after the other. */
export class Snowpark implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'causeway-handler-'));
  readonly #child;
  readonly #answers: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(python: string) {
    const handler = join(this.#directory, 'handler.py');
    writeFileSync(handler, trainingProcedure({ database: 'd', schema: 's', role: 'r' }).split('$$')[1]!);
    this.#child = spawn(python, [join(import.meta.dirname, 'snowpark-stand-in.py'), handler], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  procedure(sql: WarehouseSql): NonNullable<Procedures[string]> {
    return async (job, signal) => {
      const rows = await stepRows(sql, job as StepRows, signal);
      const answered = this.#last.then(() => this.#ask(JSON.stringify({ rows, job })));
      this.#last = answered.catch(() => undefined);
      return answered;
    };
  }

  async #ask(line: string): Promise<unknown> {
    this.#child.stdin.write(`${line}\n`);
    const { value } = await this.#answers.next();
    const { answer, error } = JSON.parse(value ?? '{"error":"it ended"}') as { answer?: unknown; error?: string };
    if (error !== undefined) throw new Refusal('100357', `Python Interpreter Error:\n${error}`, 'P0000');
    return answer;
  }

  [Symbol.dispose](): void {
    this.#child.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
