/**
 * A model version as a file of its own: ONNX for other runtimes, safetensors with everything Causeway knows of the model
 * in its metadata, or its card (Markdown or JSON).
 */
import { z } from 'zod';
import { canDifference } from '../../../operators/lstm/differences.ts';
import { weightLayout } from '../../../operators/lstm/model.ts';
import { encodeOnnx } from '../../../operators/lstm/onnx.ts';
import { decodeSafetensors, encodeSafetensors, readMetadata } from '../../../operators/lstm/safetensors.ts';
import { networkOf, type TrainedFeatures, trainedFeatures } from '../../../operators/lstm/trained-features.ts';
import type { NewVersion } from '../../catalog/models.ts';
import { CausewayError, messageOf, SQLSTATE } from '../../plan/errors.ts';
import type { ModelSpec } from '../../plan/training.ts';
import type { StoredModel } from '../engine.ts';
import type { ModelMetrics } from './metrics.ts';
import { modelCard, modelCardMarkdown } from './model-card.ts';
import type { ModelSignature } from './signature.ts';

export const EXPORT_FORMATS = ['.onnx', '.safetensors', '.md', '.json'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** The network as it was trained: without the features that were dropped, with the categories that there were. */
function network(signature: ModelSignature): { spec: ModelSpec; trained: TrainedFeatures } {
  const trained = trainedFeatures(signature.features, signature.targets, signature.statistics);
  return { spec: networkOf(signature.spec, signature.features, trained), trained };
}

/** @param file the version's weights as the catalog keeps them */
export function exportModel(model: StoredModel, file: Uint8Array, format: ExportFormat): Uint8Array {
  const { signature, metrics, query } = model;
  const { siloStatistics } = signature;
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  if (format === '.md') return text(modelCardMarkdown(model));
  if (format === '.json') return text(`${JSON.stringify(modelCard(model), null, 2)}\n`);
  const { spec, trained } = network(signature);
  const layout = weightLayout(spec);
  const { weights } = decodeSafetensors(file, layout);
  if (format === '.safetensors') {
    // The silos' own heads stay with the catalog: nobody has said that they may go further.
    const { personal: _, ...shared } = signature;
    const causeway = JSON.stringify({ signature: shared, metrics, query } satisfies Portable);
    return encodeSafetensors(layout, weights, { model: model.model, causeway });
  }
  return encodeOnnx({
    name: model.model,
    model: spec,
    weights,
    window: signature.sequence.window,
    features: trained.kept.map((feature, i) => {
      const vocabulary = trained.vocabularies[i];
      const { name } = signature.features[feature]!;
      return { name, scale: trained.scales[i]!, ...(vocabulary === undefined ? {} : { vocabulary }) };
    }),
    targets: trained.targets,
    ...(signature.difference === undefined
      ? {}
      : { difference: { ...signature.difference, from: baseStep(signature) } }),
    ...(siloStatistics === undefined ? {} : { localScales: true }),
    metadata: { query, ...(siloStatistics === undefined ? {} : { silo_statistics: JSON.stringify(siloStatistics) }) },
  });
}

/** Step of the window whose row a change is counted from. */
const baseStep = ({ difference, sequence }: ModelSignature): number =>
  sequence.window - 1 + sequence.horizon - (difference?.lag ?? 0);

interface Portable {
  readonly signature: ModelSignature;
  readonly metrics: ModelMetrics;
  readonly query: string;
}

/**
 * Reads what {@link exportModel} wrote as `.safetensors`. Every claim of the file is checked before it is believed.
 * @throws CausewayError XX001 naming what is wrong
 */
export function importModel(name: string, file: Uint8Array): NewVersion<ModelSignature, ModelMetrics> {
  const text = readMetadata(file).causeway;
  if (text === undefined) throw unusable('it was not written by EXPORT MODEL: it says nothing of columns and scaling');
  const { signature, metrics, query } = parsePortable(text);
  const { spec } = network(signature);
  const layout = weightLayout(spec);
  const { weights } = decodeSafetensors(file, layout);
  return { model: name, query, signature, metrics, weights: encodeSafetensors(layout, weights, { model: name }) };
}

function parsePortable(text: string): Portable {
  try {
    // What the schema does not name is kept as it is: it is shown, never computed with.
    return PORTABLE.parse(JSON.parse(text)) as unknown as Portable;
  } catch (thrown) {
    throw unusable(thrown instanceof z.ZodError ? z.prettifyError(thrown) : messageOf(thrown));
  }
}

const unusable = (reason: string): CausewayError =>
  new CausewayError(SQLSTATE.dataCorrupted, `the model file cannot be used: ${reason}`, {
    hint: "Use a file that EXPORT MODEL … TO '….safetensors' has written.",
  });

const index = z.number().int().nonnegative();
const name = z.looseObject({ name: z.string().min(1), type: z.looseObject({ kind: z.string() }) });
const figure = z.number().nullable();
const metrics = z.array(
  z.discriminatedUnion('kind', [
    z.looseObject({
      ...{ kind: z.literal('regression'), target: z.string(), windows: index },
      ...{ rmse: z.number(), mae: z.number(), mape: figure, r2: figure },
      ...{ persistenceRmse: z.number(), persistenceMae: z.number(), seasonalRmse: figure, seasonalMae: figure },
      quantiles: z.array(z.looseObject({ level: z.number(), pinball: z.number(), coverage: z.number() })).optional(),
    }),
    z.looseObject({
      ...{ kind: z.literal('classification'), target: z.string(), windows: index },
      ...{ accuracy: z.number(), f1: z.number(), auc: figure, logLoss: z.number() },
    }),
  ]),
);

const moments = { n: z.number(), mean: z.number(), m2: z.number().nonnegative() };
const statistics = z.array(
  z.object({
    ...moments,
    vocabulary: z.array(z.string().max(1000)).max(1_000_000).optional(),
    others: z.number().optional(),
    entities: z.array(z.tuple([z.string(), z.object(moments)])).optional(),
  }),
);

const protection = z.looseObject({
  silos: z.array(
    z.looseObject({
      ...{ silo: z.string(), policies: z.array(z.string()) },
      spent: z
        .looseObject({
          ...{ epsilon: z.number(), delta: z.number() },
          mechanism: z.object({ q: z.number(), z: z.number(), steps: z.number() }),
        })
        .optional(),
      ledger: z.array(z.looseObject({ table: z.string(), unit: z.string(), budget: figure, spent: z.number() })),
    }),
  ),
});

/** Bounds keep a hostile file from asking for more memory than any model has. */
const PORTABLE = z.looseObject({
  query: z.string(),
  signature: z
    .looseObject({
      order: name,
      entity: name.optional(),
      features: z
        .array(
          name.extend({
            scale: z.enum(['standard', 'silo', 'entity', 'none']),
            category: z
              .object({ most: index.min(1).max(10_000), dimension: index.min(1).max(256).optional() })
              .optional(),
          }),
        )
        .min(1)
        .max(10_000),
      statistics,
      siloStatistics: z.record(z.string(), statistics).optional(),
      targets: z.array(index).min(1),
      sequence: z.looseObject({
        window: index.min(1).max(1_000_000),
        horizon: index.min(1).max(1_000_000),
        stride: index.min(1),
        minWindow: index.min(1).optional(),
      }),
      split: z.looseObject({ kind: z.enum(['fractions', 'calendar']) }),
      spec: z.looseObject({
        cell: z.enum(['lstm', 'gru']),
        hidden: index.min(1).max(4096),
        layers: index.min(1).max(4),
        outputs: index.min(1).max(10_000),
        dropout: z.number().min(0).max(1),
        readout: z.enum(['last', 'every']),
        biases: z.union([z.literal(1), z.literal(2)]),
        loss: z.string(),
      }),
      difference: z
        .looseObject({ lag: index, scales: z.array(z.number().positive()), share: z.number().min(0).max(1).optional() })
        .optional(),
      shares: z.record(z.string(), z.number().min(0).max(1)).optional(),
      local: z.looseObject({ seed: z.number() }),
      federation: z.looseObject({ strategy: z.string() }),
      query: z.string(),
    })
    .refine(
      ({ difference, sequence, spec, targets }) =>
        difference === undefined ||
        (difference.scales.length === targets.length &&
          canDifference(spec as Pick<ModelSpec, 'loss' | 'readout'>, sequence, difference.lag)),
      'the changes it predicts do not fit its windows',
    )
    .refine(
      ({ features, targets, statistics }) =>
        targets.every((target) => target < features.length) && statistics.length === features.length,
      'targets or statistics do not fit the features',
    ),
  metrics: z.looseObject({
    parameters: index,
    rounds: z.array(z.looseObject({ round: index })),
    silos: z.array(z.looseObject({ silo: z.string(), test: metrics })),
    pooled: metrics,
    protection: protection.optional(),
  }),
});
