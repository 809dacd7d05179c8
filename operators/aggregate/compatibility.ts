/** Which parts of FEDERATE and PRIVACY exclude each other. The planner asks before anything runs. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { Compression } from './compression/choice.ts';
import { MINIMUM_COHORT } from './secure/messages.ts';
import type { Strategy } from './strategy.ts';

export interface FederationChoice {
  readonly strategy: Strategy;
  readonly secure: boolean;
  /** Noise on the mean of whole silos (`unit => 'silo'`). */
  readonly centralNoise: boolean;
  readonly compression: Compression;
  readonly silos: number;
  /** Updates are added by a tree. */
  readonly tree: boolean;
}

interface Rule {
  readonly applies: (choice: FederationChoice) => boolean;
  readonly says: (choice: FederationChoice) => string;
  readonly hint: string;
}

const RULES: readonly Rule[] = [
  {
    applies: ({ secure, strategy }) => secure && strategy.needs === 'updates',
    says: ({ strategy }) => `strategy ${strategy.name} must see each silo’s update, which secure aggregation hides`,
    hint: 'Use a strategy that needs the mean only (fedavg, fedprox, fedadam …), or PRIVACY (secure => false).',
  },
  {
    applies: ({ secure, silos }) => secure && silos < MINIMUM_COHORT,
    says: ({ silos }) => `secure aggregation needs at least ${MINIMUM_COHORT} silos, this statement has ${silos}`,
    hint: 'Of two silos each could subtract its own update. Add a silo, or PRIVACY (secure => false).',
  },
  {
    applies: ({ secure, compression }) => secure && compression === 'top_k',
    says: () => 'top_k compression sends each silo’s own choice of weights, which secure aggregation cannot add up',
    hint: 'Leave compression out: masked updates are 4 bytes per weight already.',
  },
  {
    applies: ({ secure, compression }) => secure && compression === 'int8',
    says: () => 'int8 compression scales each silo’s blocks by itself; masked updates need one common scale',
    hint: 'Leave compression out: masked updates are 4 bytes per weight already.',
  },
  {
    applies: ({ secure, strategy }) => secure && strategy.name === 'scaffold',
    says: () => 'strategy scaffold follows each silo’s control variate by its update, which secure aggregation hides',
    hint: 'Use fedprox against drift between unlike silos, or PRIVACY (secure => false).',
  },
  {
    applies: ({ secure, tree }) => secure && tree,
    says: () =>
      'a tree would show the coordinator the sum of each branch, where secure aggregation shows one sum of all',
    hint: "Leave topology => 'tree' out: above 64 silos secure aggregation asks each silo for 64 neighbours only.",
  },
  {
    applies: ({ strategy, tree }) => tree && strategy.needs === 'updates',
    says: ({ strategy }) => `strategy ${strategy.name} compares single updates, which a tree has added up before`,
    hint: "Use a strategy that needs the mean only (fedavg, fedprox, fedadam …), or topology => 'flat'.",
  },
  {
    applies: ({ centralNoise, tree }) => centralNoise && tree,
    says: () =>
      'noise on the mean of whole silos is added where all of them are clipped and summed at once, not by a tree',
    hint: "Leave topology => 'tree' out, or protect records inside the silos (unit => 'record').",
  },
  {
    applies: ({ centralNoise, strategy }) => centralNoise && strategy.needs === 'updates',
    says: ({ strategy }) => `strategy ${strategy.name} is no mean, so noise on the mean cannot make it private`,
    hint: "Use a strategy that needs the mean only, or protect records inside the silos (unit => 'record').",
  },
  {
    applies: ({ centralNoise, strategy }) => centralNoise && strategy.name === 'scaffold',
    says: () => 'strategy scaffold also sends control variates, which silo-level privacy does not noise',
    hint: "Use fedavg or fedprox, or protect records inside the silos (unit => 'record').",
  },
];

/** The first rule this choice breaks, as the error the user sees, or undefined when all parts go together. */
export function incompatibility(choice: FederationChoice): CausewayError | undefined {
  const broken = RULES.find((rule) => rule.applies(choice));
  if (broken === undefined) return undefined;
  return new CausewayError(SQLSTATE.featureNotSupported, broken.says(choice), { hint: broken.hint });
}
