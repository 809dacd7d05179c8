/** Public tasks as tables of CSV silos: three with what PyTorch reached on them (mean of seeds 7, 8, 9), and others that nothing was tuned on. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { births, etth1, type Series } from '../../operators/lstm/fixtures/series.ts';

export interface Task {
  readonly name: string;
  readonly table: string;
  readonly series: () => Series | undefined;
  readonly target: string;
  readonly window: number;
  readonly horizon: number;
  readonly digits: number;
}

/** A task that PyTorch was trained on. */
export interface ReferenceTask extends Task {
  /** Pooled RMSE after 20 rounds, with the sample deviation over the seeds. */
  readonly reference: Readonly<Record<'fedavg' | 'fedprox' | 'fedadam', readonly [mean: number, spread: number]>>;
  /** RMSE per silo of models trained for 20 epochs on one silo's rows. */
  readonly local: readonly number[];
  /** The least pooled RMSE of any method, naive rules among them. */
  readonly best: number;
}

export const TASKS: readonly ReferenceTask[] = [
  {
    ...{
      name: 'births, next day',
      table: 'births',
      series: births,
      target: 'births',
      window: 28,
      horizon: 1,
      digits: 1,
    },
    reference: { fedavg: [693.5, 5.3], fedprox: [686.3, 7.7], fedadam: [821.8, 67.6] },
    local: [508.1, 757.7, 675.0],
    best: 505.4,
  },
  {
    ...{ name: 'ETTh1, 1 h', table: 'oil', series: etth1, target: 'OT', window: 48, horizon: 1, digits: 4 },
    reference: { fedavg: [0.7216, 0.0022], fedprox: [0.7482, 0.012], fedadam: [0.786, 0.0811] },
    local: [1.4679, 2.4584, 0.7831, 0.7843],
    best: 0.7083,
  },
  {
    ...{ name: 'ETTh1, 24 h', table: 'oil', series: etth1, target: 'OT', window: 48, horizon: 24, digits: 4 },
    reference: { fedavg: [2.716, 0.2037], fedprox: [2.7447, 0.1064], fedadam: [2.3634, 0.0704] },
    local: [5.4035, 5.4127, 5.2771, 2.8389],
    best: 2.135,
  },
];

/** Other targets and horizons of the same sources: no default of `auto` was chosen by looking at them. */
export const HELD_OUT: readonly Task[] = [
  { name: 'births, in a week', table: 'births', series: births, target: 'births', window: 28, horizon: 7, digits: 1 },
  { name: 'ETTh1 load HUFL, 1 h', table: 'oil', series: etth1, target: 'HUFL', window: 48, horizon: 1, digits: 4 },
  { name: 'ETTh1 load HUFL, 24 h', table: 'oil', series: etth1, target: 'HUFL', window: 48, horizon: 24, digits: 4 },
  { name: 'ETTh1 load LULL, 1 h', table: 'oil', series: etth1, target: 'LULL', window: 48, horizon: 1, digits: 4 },
];

/** Writes each silo's rows into a folder of its own; returns the statements that make silos and table of them. */
export async function writeSilos({ silos }: Series, table: string, directory: string): Promise<string[]> {
  const names = silos.map((_, i) => `${table}${i + 1}`);
  for (const [i, batches] of silos.entries()) {
    const lines: string[] = [];
    for await (const batch of batches()) {
      const columns = batch.schema.fields.map(({ name }) => name);
      if (lines.length === 0) lines.push(columns.join(','));
      const vectors = columns.map((name) => batch.getChild(name)!);
      for (let row = 0; row < batch.numRows; row++) {
        const [time, ...values] = vectors.map((vector) => Number(vector.get(row)));
        const text = new Date(time! / 1000).toISOString().slice(0, 19).replace('T', ' ');
        lines.push([text, ...values].join(','));
      }
    }
    const folder = join(directory, names[i]!);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${table}.csv`), `${lines.join('\n')}\n`);
  }
  return [
    ...names.map((name) => `CREATE SILO ${name} USING files OPTIONS (path '${join(directory, name)}')`),
    `CREATE FEDERATED TABLE ${table} AS ${names.map((name) => `${name}.${table}`).join(', ')}`,
  ];
}
