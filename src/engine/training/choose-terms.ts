/**
 * `FEDERATE … (choose => 'cost')`: the optimizer's choice is written into the statement, so that the job that goes on after a
 * crash trains by the same terms, whatever the speeds are then.
 */
import type { TrainingShape } from '../../../optimizer/cost/training.ts';
import type { PlacedTraining } from '../../../optimizer/placement/placed-training.ts';
import { cheapestTerms } from '../../../optimizer/placement/training-variants.ts';
import type { Train } from '../../plan/training.ts';
import type { Option, OptionValue, TrainModel } from '../../sql/statements/statement.ts';
import { requireCompatible } from './privacy.ts';

export interface ChosenTerms {
  /** The statement as if its user had said it. */
  readonly statement: TrainModel;
  /** For the user: what was chosen. */
  readonly said: string;
}

/** @param plan whose terms are open, as it was placed */
export function chosenTerms(statement: TrainModel, plan: Train, placed: PlacedTraining): ChosenTerms {
  const { federation, local } = plan;
  const open = { epochs: false, compression: false, ...federation.choose };
  const smaller = open.compression && mayCompress(plan, placed.shares.length);
  const shape = cheapestTerms(placed, { ...open, compression: smaller });
  const terms: TrainingShape = shape ?? placed.shape;
  const added: Record<string, number | string> = {
    ...(terms.epochs === local.epochs ? {} : { local_epochs: terms.epochs }),
    ...(terms.compression === 'int8' && smaller ? { compress: 'int8' } : {}),
  };
  const rounds = terms.rounds === federation.rounds ? [] : [['rounds', terms.rounds] as const];
  const said =
    shape === undefined
      ? 'what was asked for: nothing else saves a tenth'
      : [
          `${terms.rounds} rounds of ${terms.epochs} epoch${terms.epochs === 1 ? '' : 's'}`,
          ...('compress' in added ? ['updates of 8 bits'] : []),
        ].join(', ');
  return { statement: rewritten(statement, [...rounds, ...Object.entries(added)]), said };
}

function mayCompress(plan: Train, silos: number): boolean {
  try {
    requireCompatible({ ...plan, federation: { ...plan.federation, compression: { kind: 'int8' } } }, silos);
    return true;
  } catch {
    return false;
  }
}

/** The statement with `choose` replaced by what was chosen, in its text as well. */
function rewritten(
  statement: TrainModel,
  chosen: readonly (readonly [name: string, value: OptionValue])[],
): TrainModel {
  const options = new Map(chosen);
  const at = (name: string): Option | undefined => statement.federation.find((option) => option.name.value === name);
  const choose = at('choose')!;
  const given = at('rounds');
  const replaced = given === undefined ? undefined : options.get('rounds');
  if (replaced !== undefined) options.delete('rounds');
  const list = [...options].map(([name, value]) => `${name} => ${typeof value === 'string' ? `'${value}'` : value}`);
  const edits: [offset: number, old: RegExp, text: string][] = [
    [choose.name.offset, /^choose\s*=>\s*'[^']*'/i, list.length === 0 ? "choose => 'nothing'" : list.join(', ')],
    ...(given === undefined || replaced === undefined
      ? []
      : [[given.value.offset, /^\d+/, String(replaced)] as [number, RegExp, string]]),
  ];
  let { text } = statement;
  // From the end on, so that offsets before hold.
  for (const [offset, old, by] of edits.sort(([a], [b]) => b - a)) {
    text = text.slice(0, offset) + text.slice(offset).replace(old, by);
  }
  const { offset } = choose.name;
  const federation = statement.federation.flatMap((option): Option[] => {
    if (option === choose) {
      return [...options].map(([name, value]) => ({ name: { value: name, offset }, value: { value, offset } }));
    }
    return option === given && replaced !== undefined
      ? [{ ...given, value: { ...given.value, value: replaced } }]
      : [option];
  });
  return { ...statement, text, federation };
}
