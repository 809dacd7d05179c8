/**
 * TRAIN (docs/design.md §5):
 *
 *     TRAIN [OR REPLACE] MODEL m PREDICT y, … [FORECAST BY t [PER k] WINDOW n [HORIZON n]] [USING algorithm [(…)]]
 *       [FEDERATE strategy [(…)]] [PRIVACY (…)] [SPLIT (…) | SPLIT AT t1, t2] [ASYNC] AS SELECT …
 *
 * The clauses between PREDICT and AS come in any order, each at most once. `CREATE [OR REPLACE] MODEL m OPTIONS (…) AS`
 * is another spelling: its options of BigQuery ML's names stand for the clauses.
 */
import { SQLSTATE } from '../../plan/errors.ts';
import type { Cursor } from './cursor.ts';
import type { Located, Option, TrainModel } from './statement.ts';

type Clauses = {
  -readonly [K in keyof Omit<TrainModel, 'kind' | 'orReplace' | 'name' | 'query' | 'text'>]: TrainModel[K];
};

const CLAUSES = ['predict', 'forecast', 'using', 'options', 'federate', 'privacy', 'split', 'async'] as const;

/** The statement from its name on: `TRAIN [OR REPLACE] MODEL` has been read. */
export function trainModel(cursor: Cursor, orReplace: boolean): TrainModel {
  const name = cursor.name('a model name');
  const clauses: Clauses = { async: false, targets: [], options: [], federation: [] };
  const seen = new Set<string>();
  while (!cursor.at('as')) {
    const { start } = cursor.token;
    const clause = cursor.expect(...CLAUSES.filter((word) => !seen.has(word)), 'as');
    if (clause === 'as') break;
    seen.add(clause);
    readClause(cursor, clause as (typeof CLAUSES)[number], clauses, start);
  }
  cursor.expect('as');
  const query = cursor.query();
  const resolved = fromOptions(clauses);
  if (resolved.targets.length === 0) {
    throw cursor.error(
      SQLSTATE.syntaxError,
      `TRAIN MODEL ${name.value} does not say what to predict`,
      name.offset,
      'Add PREDICT and the column, after the model name.',
    );
  }
  return { kind: 'train-model', orReplace, name, ...resolved, query, text: cursor.text };
}

function readClause(cursor: Cursor, clause: (typeof CLAUSES)[number], into: Clauses, start: number): void {
  switch (clause) {
    case 'predict': {
      const targets: Located<string>[] = [];
      do targets.push(cursor.name('a column'));
      while (cursor.accept(','));
      into.targets = targets;
      return;
    }
    case 'forecast':
      cursor.expect('by');
      into.order = cursor.name('the time column');
      if (cursor.accept('per')) into.entity = cursor.name('the entity column');
      cursor.expect('window');
      into.window = cursor.wholeNumber('the number of rows to look back on');
      if (cursor.accept('horizon')) into.horizon = cursor.wholeNumber('the number of rows to look ahead');
      return;
    case 'using':
      into.algorithm = cursor.name('an algorithm');
      if (cursor.at('(')) into.options = [...into.options, ...cursor.options()];
      return;
    case 'options':
      into.options = [...into.options, ...cursor.options()];
      return;
    case 'federate':
      into.strategy = cursor.name('a strategy');
      if (cursor.at('(')) into.federation = cursor.options();
      return;
    case 'async':
      into.async = true;
      return;
    case 'privacy':
      into.privacy = cursor.options();
      return;
    case 'split':
      if (cursor.accept('at')) {
        const validateFrom = cursor.string('a timestamp');
        cursor.expect(',');
        into.split = { kind: 'calendar', validateFrom, testFrom: cursor.string('a timestamp') };
      } else if (cursor.at('(')) into.split = { kind: 'fractions', options: cursor.options() };
      else throw cursor.error(SQLSTATE.syntaxError, 'SPLIT takes (validate => …, test => …) or AT t1, t2', start);
  }
}

/** BigQuery ML's option names, as the clauses they stand for. What is not one of them stays an option. */
function fromOptions(clauses: Clauses): Clauses {
  const result: Clauses = { ...clauses };
  const rest: Option[] = [];
  for (const option of clauses.options) {
    const { value, offset } = option.value;
    const text = (): Located<string> => ({ value: String(value), offset });
    switch (option.name.value) {
      case 'model_type':
        result.algorithm ??= text();
        break;
      case 'input_label_cols':
        if (result.targets.length === 0) {
          const names = Array.isArray(value) ? value : [value];
          result.targets = names.map((name) => ({ value: String(name), offset }));
        }
        break;
      case 'time_series_timestamp_col':
        result.order ??= text();
        break;
      case 'time_series_id_col':
        result.entity ??= text();
        break;
      default:
        rest.push(option);
    }
  }
  return { ...result, options: rest };
}
