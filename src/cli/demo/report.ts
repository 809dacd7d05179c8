/** The demo's facts as one JSON object (`causeway demo --json`). */
import type { Engine } from '../../engine/engine.ts';
import type { Session } from '../../engine/session.ts';
import { resultRows } from '../cells.ts';

export interface DemoReport {
  readonly silos: readonly {
    readonly name: string;
    readonly kind: string;
    readonly rows: number;
    readonly train_windows: number;
    readonly egress: { readonly rows_bytes: number; readonly update_bytes: number };
  }[];
  readonly rounds: readonly {
    readonly round: number;
    readonly loss: number;
    readonly validation_loss: number | null;
  }[];
  readonly metrics: readonly {
    readonly silo: string;
    readonly rmse: number;
    readonly mae: number;
    readonly naive_rmse: number | null;
  }[];
  readonly pooled_rmse: number | null;
  readonly forecast: readonly { readonly silo: string; readonly day: string; readonly births: number }[];
  readonly seconds: number;
}

/** Facts of the model `name` as the catalog holds them, and a fresh forecast. */
export async function demoReport(engine: Engine, session: Session, name: string, began: number): Promise<DemoReport> {
  const model = engine.catalog.models.get(name);
  if (model === undefined) throw new Error(`the demo has no model ${name}`);
  const egress = engine.catalog.egress.list().filter(({ statement }) => statement.startsWith('TRAIN'));
  const bytes = (silo: string, kinds: readonly string[]): number =>
    egress
      .filter((entry) => entry.silo === silo && kinds.includes(entry.kind))
      .reduce((sum, entry) => sum + entry.bytes, 0);
  const forecast: { silo: string; day: string; births: number }[] = [];
  for await (const result of session.execute(
    `SELECT silo, day, births FROM ml.forecast('${name}', horizon => 7) ORDER BY 1, 2`,
  )) {
    for await (const [silo, day, births] of resultRows(result)) {
      forecast.push({ silo: String(silo), day: String(day), births: Number(births) });
    }
  }
  return {
    silos: model.metrics.silos.map(({ silo, rows, windows }) => ({
      name: silo,
      kind: engine.silos.definition(silo).kind,
      rows,
      train_windows: windows.train,
      egress: { rows_bytes: bytes(silo, ['rows', 'keys']), update_bytes: bytes(silo, ['updates', 'statistics']) },
    })),
    rounds: model.metrics.rounds.map(({ round, loss, validationLoss }) => ({
      round,
      loss,
      validation_loss: validationLoss,
    })),
    metrics: model.metrics.silos.flatMap(({ silo, test }) =>
      test
        .filter((metrics) => metrics.kind === 'regression')
        .map(({ rmse, mae, seasonalRmse }) => ({ silo, rmse, mae, naive_rmse: seasonalRmse })),
    ),
    pooled_rmse: model.metrics.pooled.find((metrics) => metrics.kind === 'regression')?.rmse ?? null,
    forecast,
    seconds: (performance.now() - began) / 1000,
  };
}
