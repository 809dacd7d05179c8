/**
 * `CREATE POLICY p ON silo.table FILTER WHERE predicate | MASK column WITH expression | HIDE (a, b) FOR ROLE r`,
 * `CREATE POLICY p ON silo.table ALLOW ROWS (a, b) | AGGREGATES (min_group => n) | UPDATES (secure => …, max_epsilon => …)
 * | NOTHING TO mediator | silo x | ANY [WHERE predicate] [FOR ROLE r]`, and `ANALYZE silo.table`,
 * `CALIBRATE SILO s | ALL`.
 */
import { SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { Allowance, Recipient } from '../../plan/policy.ts';
import type { RestrictionRule } from '../../plan/restriction.ts';
import type { Cursor } from './cursor.ts';
import type { Analyze, Calibrate, CreatePolicy, CreateRestriction, Located, Option } from './statement.ts';

export function createPolicy(cursor: Cursor): CreatePolicy | CreateRestriction {
  const name = cursor.name('a policy name');
  cursor.expect('on');
  const table = qualified(cursor);
  const word = cursor.expect('allow', 'filter', 'mask', 'hide');
  if (word !== 'allow') {
    const rule = restriction(cursor, word);
    cursor.expect('for');
    cursor.expect('role');
    return { kind: 'create-restriction', name, ...table, rule, role: cursor.name('a role') };
  }
  const allow = allowance(cursor);
  cursor.expect('to');
  const to = recipient(cursor);
  const where = cursor.accept('where') ? cursor.textUntil('for', 'role') : undefined;
  const role = cursor.accept('for', 'role') ? cursor.name('a role') : undefined;
  return {
    kind: 'create-policy',
    name,
    ...table,
    allow,
    to,
    ...(where === undefined ? {} : { where }),
    ...(role === undefined ? {} : { role }),
  };
}

function restriction(cursor: Cursor, word: string): RestrictionRule {
  switch (word) {
    case 'filter':
      cursor.expect('where');
      return { kind: 'filter', where: cursor.textUntil('for', 'role').value };
    case 'mask': {
      const column = cursor.name('a column').value;
      cursor.expect('with');
      return { kind: 'mask', column, expression: cursor.textUntil('for', 'role').value };
    }
    default:
      return { kind: 'hide', columns: cursor.names('a column').map(({ value }) => value) };
  }
}

export function analyze(cursor: Cursor): Analyze {
  return { kind: 'analyze', ...qualified(cursor) };
}

export function calibrate(cursor: Cursor): Calibrate {
  if (cursor.accept('all')) return { kind: 'calibrate' };
  cursor.expect('silo', 'all');
  return { kind: 'calibrate', silo: cursor.name('a silo name') };
}

/** `silo.table`. */
function qualified(cursor: Cursor): { readonly silo: Located<string>; readonly table: Located<string> } {
  const silo = cursor.name('silo.table');
  cursor.expect('.');
  return { silo, table: cursor.name('a table name') };
}

function allowance(cursor: Cursor): Allowance {
  switch (cursor.expect('rows', 'aggregates', 'updates', 'nothing')) {
    case 'rows':
      return { kind: 'rows', columns: cursor.names('a column').map(({ value }) => value) };
    case 'aggregates': {
      const options = known(cursor, ['min_group']);
      const minGroup = options.get('min_group');
      const size = Number(minGroup?.value.value);
      if (minGroup === undefined || !Number.isInteger(size) || size < 1) {
        const at = minGroup?.value.offset ?? cursor.token.start;
        throw cursor.error(SQLSTATE.invalidParameterValue, 'AGGREGATES needs min_group, a whole number from 1', at);
      }
      return { kind: 'aggregates', minGroup: size };
    }
    case 'updates': {
      const options = cursor.at('(') ? known(cursor, ['secure', 'max_epsilon']) : new Map<string, Option>();
      const secure = options.get('secure');
      const epsilon = options.get('max_epsilon');
      if (secure !== undefined && typeof secure.value.value !== 'boolean') {
        throw cursor.error(SQLSTATE.invalidParameterValue, 'secure is true or false', secure.value.offset);
      }
      const maxEpsilon = epsilon === undefined ? undefined : Number(epsilon.value.value);
      if (epsilon !== undefined && !(maxEpsilon! > 0)) {
        throw cursor.error(SQLSTATE.invalidParameterValue, 'max_epsilon is a number above 0', epsilon.value.offset);
      }
      return {
        kind: 'updates',
        secure: secure?.value.value === true,
        ...(maxEpsilon === undefined ? {} : { maxEpsilon }),
      };
    }
    default:
      return { kind: 'nothing' };
  }
}

function recipient(cursor: Cursor): Recipient {
  const word = cursor.expect('mediator', 'silo', 'any');
  if (word === 'silo') return { kind: 'silo', silo: cursor.name('a silo name').value };
  return { kind: word === 'any' ? 'any' : 'mediator' };
}

/** `(name => value, …)`, each name one of `names`. */
function known(cursor: Cursor, names: readonly string[]): ReadonlyMap<string, Option> {
  const options = new Map<string, Option>();
  for (const option of cursor.options()) {
    const { value, offset } = option.name;
    if (!names.includes(value)) {
      throw cursor.error(
        SQLSTATE.invalidParameterValue,
        `unknown policy option "${value}"`,
        offset,
        didYouMean(value, names),
      );
    }
    options.set(value, option);
  }
  return options;
}
