/** A silo's part of secure rounds, asked over its agent's link: one call for each step. */
import type { MaskOptions, SecureParty } from '../../operators/aggregate/rounds/secure-round.ts';
import type {
  Advertisement,
  Confirmation,
  EncryptedShare,
  Revealed,
  SecureSession,
} from '../../operators/aggregate/secure/messages.ts';
import type { LocalTerms } from '../../operators/aggregate/strategy.ts';
import type { CallAnswer } from './calls.ts';
import { fieldsToJson, fromJson } from './json.ts';
import { bytesOfWeights, weightsOfBytes } from './weights-bytes.ts';

/** Bodies of the steps, as {@link fieldsToJson} writes them. */
export interface SessionBody {
  readonly session: SecureSession;
}
export interface ShareRequest extends SessionBody {
  readonly roster: readonly Advertisement[];
  readonly identities: readonly (readonly [silo: string, key: Uint8Array])[];
}
export interface MaskRequest extends SessionBody {
  readonly round: number;
  readonly terms: LocalTerms;
  readonly options: MaskOptions;
  readonly received: readonly EncryptedShare[];
}
export interface ConfirmRequest extends SessionBody {
  readonly survivors: readonly string[];
}
export interface UnmaskRequest extends ConfirmRequest {
  readonly confirmations: readonly Confirmation[];
}

export interface Step {
  readonly step: 'advertise' | 'share' | 'train' | 'confirm' | 'unmask';
  readonly round: number;
  readonly attempt: number;
}

const lists = new WeakMap<ReadonlyMap<string, Uint8Array>, ShareRequest['identities']>();

/** The same list for the same map, so that it is written once. */
function listed(identities: ReadonlyMap<string, Uint8Array>): ShareRequest['identities'] {
  const list = lists.get(identities) ?? [...identities];
  lists.set(identities, list);
  return list;
}

/** Calls the agent's method for a step. */
export type Ask = (
  step: Step,
  body: string,
  signal: AbortSignal,
  payloads: readonly Uint8Array[],
) => Promise<CallAnswer>;

/** `common` is said with every step, `toTrain()` with the one that trains. */
export function remoteParty(ask: Ask, common: object, toTrain: () => object): SecureParty {
  const take = async (
    step: Step['step'],
    body: SessionBody,
    signal: AbortSignal,
    payloads: readonly Uint8Array[] = [],
  ): Promise<CallAnswer> => {
    const { attempt, round } = body.session;
    const answer = await ask({ step, round, attempt }, fieldsToJson({ ...common, ...body }), signal, payloads);
    return { ...answer, body: fromJson(answer.body as string) };
  };
  return {
    advertise: async (session, signal) => (await take('advertise', { session }, signal)).body as Advertisement,
    share: async (session, roster, identities, signal) => {
      const body: ShareRequest = { session, roster, identities: listed(identities) };
      return (await take('share', body, signal)).body as EncryptedShare[];
    },
    train: async (session, { round, terms, weights }, options, received, signal) => {
      const body: MaskRequest = { session, round, terms, options, received };
      const answer = await take('train', { ...toTrain(), ...body }, signal, [bytesOfWeights(weights)]);
      const { loss, seconds } = answer.body as { loss: number; seconds: number };
      const words = weightsOfBytes(answer.payloads[0]);
      return { masked: new Uint32Array(words.buffer, words.byteOffset, words.length), loss, seconds };
    },
    confirm: async (session, survivors, signal) => {
      const body: ConfirmRequest = { session, survivors };
      return (await take('confirm', body, signal)).body as Confirmation;
    },
    unmask: async (session, survivors, confirmations, signal) => {
      const body: UnmaskRequest = { session, survivors, confirmations };
      return (await take('unmask', body, signal)).body as Revealed[];
    },
  };
}
