/** The silos' own heads of a stored model (`FEDERATE … (personalize => 'head')`): where they are, and what is predicted with them. */
import { withHead } from '../../../operators/lstm/head-tuning.ts';
import type { Aim } from '../../../operators/lstm/training-session.ts';
import type { ModelSpec } from '../../plan/training.ts';
import { aimIn, type ModelSignature } from './signature.ts';
import type { PersonalResult } from './silo-trainer.ts';

export interface PersonalHeads {
  /** The training's run, under which agents keep theirs. */
  readonly run: string;
  readonly silos: Readonly<Record<string, PersonalHead>>;
}

interface PersonalHead {
  /** Little-endian float32, base64; absent where the silo's agent has it. */
  readonly head?: string;
  /** As {@link ModelSignature.shares}, for this head. */
  readonly share?: number;
}

/** What a version stores of them; nothing where no silo has one. */
export function personalHeads(
  run: string,
  silos: readonly string[],
  results: readonly (PersonalResult | undefined)[],
): Pick<ModelSignature, 'personal'> {
  const known = results.flatMap((result, i): [string, PersonalHead][] => {
    if (result === undefined) return [];
    const { head, share } = result;
    return [
      [
        silos[i]!,
        {
          ...(head === undefined
            ? {}
            : { head: Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('base64') }),
          ...(share === undefined ? {} : { share }),
        },
      ],
    ];
  });
  return known.length === 0 ? {} : { personal: { run, silos: Object.fromEntries(known) } };
}

const headIn = ({ personal }: ModelSignature, silo: string): PersonalHead | undefined =>
  personal !== undefined && Object.hasOwn(personal.silos, silo) ? personal.silos[silo] : undefined;

/** Whether the silo's own head stays with its agent, so that only the agent predicts with it. */
export const keepsHead = (signature: ModelSignature, silo: string): boolean => {
  const own = headIn(signature, silo);
  return own !== undefined && own.head === undefined;
};

export interface OwnModel {
  readonly weights: Float32Array;
  readonly aim: Aim | undefined;
}

/** The silo's own version of the model; undefined where it has none, or its agent keeps it. */
export function ownModel(
  signature: ModelSignature,
  silo: string,
  model: ModelSpec,
  weights: Float32Array,
): OwnModel | undefined {
  const own = headIn(signature, silo);
  if (own?.head === undefined) return undefined;
  const bytes = Uint8Array.from(Buffer.from(own.head, 'base64'));
  return {
    weights: withHead(model, weights, new Float32Array(bytes.buffer)),
    aim: personalAim(signature, silo, own.share),
  };
}

/** What the network with a head of the silo's own is for. */
function personalAim(signature: ModelSignature, silo: string, share: number | undefined): Aim | undefined {
  const aim = aimIn(signature, silo);
  if (aim?.difference === undefined || share === undefined) return aim;
  return { ...aim, difference: { ...aim.difference, share } };
}
