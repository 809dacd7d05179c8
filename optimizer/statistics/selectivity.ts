/**
 * The fraction of rows a predicate keeps: most-common values, histograms, distinct counts, and PostgreSQL's defaults
 * where nothing is known (selfuncs.c describes the same quantities; this is written from their definitions).
 */
import type { Call, ColumnId, Expression, Literal, LiteralValue } from '../../src/plan/expressions.ts';
import { columnsOf, conjuncts } from '../../src/plan/traverse.ts';
import type { SqlType } from '../../src/plan/types.ts';
import type { ColumnEstimate, RelationEstimate } from './estimate.ts';
import { onScale } from './scale.ts';

/** Fractions for predicates nothing is known about; PostgreSQL's figures. */
const DEFAULT = {
  equality: 0.005,
  inequality: 1 / 3,
  range: 0.005,
  pattern: 0.005,
  boolean: 0.5,
  other: 0.25,
} as const;

const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '=': '=', '<>': '<>' };

/** Negated forms and what they negate. */
const POSITIVE: Readonly<Record<string, string>> = {
  not_in_list: 'in_list',
  not_between: 'between',
  not_like: 'like',
  not_ilike: 'ilike',
};

const clamp = (fraction: number): number =>
  Number.isNaN(fraction) ? DEFAULT.other : Math.min(1, Math.max(0, fraction));

/** The fraction of `relation`'s rows for which `predicate` is true, 0 … 1. */
export function selectivity(predicate: Expression, relation: RelationEstimate): number {
  return clamp(fractionOf(predicate, relation));
}

function fractionOf(predicate: Expression, relation: RelationEstimate): number {
  switch (predicate.kind) {
    case 'literal':
      return predicate.value === true ? 1 : 0;
    case 'column': {
      const column = relation.columns.get(predicate.id);
      return column === undefined ? DEFAULT.boolean : equalTo(column, true, predicate.type);
    }
    case 'call':
      return ofCall(predicate, relation);
    case 'subquery':
      return predicate.form === 'scalar' ? DEFAULT.other : DEFAULT.boolean;
    default:
      return DEFAULT.other;
  }
}

function ofCall(call: Call, relation: RelationEstimate): number {
  const [first, second] = call.args;
  const positive = POSITIVE[call.name];
  if (positive !== undefined) return negated({ ...call, name: positive }, relation);
  switch (call.name) {
    case 'and':
      return conjunctionOf(conjuncts(call), relation);
    case 'or':
      return call.args.map((each) => selectivity(each, relation)).reduce((a, b) => a + b - a * b, 0);
    case 'not':
      return first === undefined ? DEFAULT.other : negated(first, relation);
    case 'is_null':
      return columnOf(first, relation)?.nullFraction ?? DEFAULT.equality;
    case 'is_not_null':
      return 1 - (columnOf(first, relation)?.nullFraction ?? DEFAULT.equality);
    case 'in_list':
      return call.args.slice(1).reduce((sum, value) => sum + comparison('=', first, value, relation), 0);
    case 'between':
      return conjunctionOf(
        [
          { ...call, name: '>=', args: [first!, second!] },
          { ...call, name: '<=', args: [first!, call.args[2]!] },
        ],
        relation,
      );
    case 'is_true':
      return first === undefined ? DEFAULT.boolean : selectivity(first, relation);
    case 'is_not_distinct_from':
      return comparison('=', first, second, relation);
    case 'is_distinct_from':
      return 1 - comparison('=', first, second, relation);
    case 'like':
    case 'ilike':
      return pattern(first, second, relation);
    case '=':
    case '<>':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return comparison(call.name, first, second, relation);
    default:
      return DEFAULT.other;
  }
}

/** NOT p keeps what p does not keep, NULLs aside. */
function negated(operand: Expression, relation: RelationEstimate): number {
  let nulls = 0;
  for (const id of columnsOf(operand)) nulls = Math.max(nulls, relation.columns.get(id)?.nullFraction ?? 0);
  const nullTest = operand.kind === 'call' && (operand.name === 'is_null' || operand.name === 'is_not_null');
  return 1 - (nullTest ? 0 : nulls) - selectivity(operand, relation);
}

/** Independent factors, but a lower and an upper bound on one column are one range. */
function conjunctionOf(parts: readonly Expression[], relation: RelationEstimate): number {
  const ranges = new Map<ColumnId, { lower?: number; upper?: number }>();
  let fraction = 1;
  for (const part of parts) {
    const bound = rangeBound(part);
    if (bound === undefined || !relation.columns.has(bound.id)) {
      fraction *= selectivity(part, relation);
      continue;
    }
    const range = ranges.get(bound.id) ?? {};
    range[bound.side] = Math.min(range[bound.side] ?? 1, selectivity(part, relation));
    ranges.set(bound.id, range);
  }
  for (const [id, { lower, upper }] of ranges) {
    if (lower === undefined || upper === undefined) {
      fraction *= lower ?? upper ?? 1;
      continue;
    }
    const column = relation.columns.get(id)!;
    const known = column.histogram !== undefined || (column.min !== undefined && column.max !== undefined);
    // What lies under the upper bound, less what lies under the lower one.
    const between = lower + upper - (1 - column.nullFraction);
    fraction *= known ? Math.max(between, 1 / Math.max(1, relation.rows)) : DEFAULT.range;
  }
  return fraction;
}

function rangeBound(part: Expression): { id: ColumnId; side: 'lower' | 'upper' } | undefined {
  if (part.kind !== 'call' || part.args.length !== 2 || !/^[<>]=?$/.test(part.name)) return undefined;
  const [left, right] = part.args;
  if (left?.kind === 'column' && literalOf(right) !== undefined) {
    return { id: left.id, side: part.name.startsWith('>') ? 'lower' : 'upper' };
  }
  if (right?.kind === 'column' && literalOf(left) !== undefined) {
    return { id: right.id, side: part.name.startsWith('>') ? 'upper' : 'lower' };
  }
  return undefined;
}

function comparison(
  operator: string,
  left: Expression | undefined,
  right: Expression | undefined,
  relation: RelationEstimate,
): number {
  const fallback = operator === '=' ? DEFAULT.equality : operator === '<>' ? 1 - DEFAULT.equality : DEFAULT.inequality;
  if (left === undefined || right === undefined) return fallback;
  const literal = literalOf(right);
  const column = columnOf(left, relation);
  if (column === undefined) {
    return literalOf(left) !== undefined && columnOf(right, relation) !== undefined
      ? comparison(MIRRORED[operator] ?? operator, right, left, relation)
      : fallback;
  }
  if (literal !== undefined) return againstLiteral(operator, column, literal, left.type);
  const other = columnOf(right, relation);
  const notNull = (1 - column.nullFraction) * (1 - (other?.nullFraction ?? 0));
  const equal = notNull / Math.max(column.distinct, other?.distinct ?? 1);
  if (operator === '=') return equal;
  return operator === '<>' ? notNull - equal : fallback;
}

function againstLiteral(operator: string, column: ColumnEstimate, literal: Literal, type: SqlType): number {
  if (literal.value === null) return 0;
  const notNull = 1 - column.nullFraction;
  const equal = equalTo(column, literal.value, type);
  if (operator === '=') return equal;
  if (operator === '<>') return notNull - equal;
  const below = fractionBelow(column, literal.value, type);
  if (below === undefined) return DEFAULT.inequality * notNull;
  if (operator === '<') return below;
  if (operator === '<=') return below + equal;
  return operator === '>' ? notNull - below - equal : notNull - below;
}

/** The fraction of rows that hold exactly `value`. */
function equalTo(column: ColumnEstimate, value: LiteralValue, type: SqlType): number {
  const common = column.mostCommon ?? [];
  const place = onScale(value, type);
  let frequent = 0;
  for (const entry of common) {
    if (String(entry.value) === String(value)) return entry.frequency;
    frequent += entry.frequency;
  }
  const outside = (bound: string | number | undefined, side: 1 | -1): boolean => {
    const at = bound === undefined ? undefined : onScale(bound, type);
    return at !== undefined && place !== undefined && side * (place - at) > 0;
  };
  // Beyond the known bounds there may be rows newer than the statistics: one in a thousand values' share.
  const share = outside(column.max, 1) || outside(column.min, -1) ? 0.001 : 1;
  const rest = Math.max(0, 1 - column.nullFraction - frequent);
  return (share * rest) / Math.max(1, column.distinct - common.length);
}

/** The fraction of rows with a value less than `value`; undefined without bounds to interpolate between. */
function fractionBelow(column: ColumnEstimate, value: LiteralValue, type: SqlType): number | undefined {
  const place = onScale(value, type);
  if (place === undefined) return undefined;
  let common = 0;
  let commonBelow = 0;
  for (const entry of column.mostCommon ?? []) {
    common += entry.frequency;
    const at = onScale(entry.value, type);
    if (at !== undefined && at < place) commonBelow += entry.frequency;
  }
  const bounds = boundsOf(column, type);
  if (bounds === undefined) return common > 0.9 ? commonBelow : undefined;
  const rest = Math.max(0, 1 - column.nullFraction - common);
  return commonBelow + rest * interpolate(bounds, place);
}

function boundsOf(column: ColumnEstimate, type: SqlType): readonly number[] | undefined {
  const raw =
    column.histogram !== undefined && column.histogram.length > 1 ? column.histogram : [column.min, column.max];
  const bounds: number[] = [];
  for (const each of raw) {
    const place = each === undefined ? undefined : onScale(each, type);
    if (place === undefined) return undefined;
    bounds.push(place);
  }
  return bounds;
}

/** The share of equi-depth buckets below `place`, linear inside a bucket. */
function interpolate(bounds: readonly number[], place: number): number {
  const buckets = bounds.length - 1;
  if (place <= bounds[0]!) return 0;
  if (place > bounds[buckets]!) return 1;
  let low = 0;
  let high = buckets;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (bounds[middle]! < place) low = middle;
    else high = middle;
  }
  const width = bounds[high]! - bounds[low]!;
  return (low + (width > 0 ? (place - bounds[low]!) / width : 0.5)) / buckets;
}

/** A pattern without wildcards is an equality; a fixed prefix is a range; each further literal character narrows it. */
function pattern(subject: Expression | undefined, text: Expression | undefined, relation: RelationEstimate): number {
  const column = columnOf(subject, relation);
  const literal = literalOf(text);
  if (column === undefined || typeof literal?.value !== 'string') return DEFAULT.pattern;
  const value = literal.value;
  if (!/[%_]/.test(value)) return equalTo(column, value, literal.type);
  const matched = (column.mostCommon ?? []).filter((entry) => likeMatches(String(entry.value), value));
  const frequent = (column.mostCommon ?? []).reduce((sum, entry) => sum + entry.frequency, 0);
  const fixed = value.replace(/[%_]/g, '').length;
  // PostgreSQL's FIXED_CHAR_SEL: each literal character keeps a fifth.
  const rest = Math.max(DEFAULT.pattern / 10, 0.2 ** Math.min(fixed, 4) * (value.startsWith('%') ? 5 : 1));
  return (
    matched.reduce((sum, entry) => sum + entry.frequency, 0) +
    Math.max(0, 1 - column.nullFraction - frequent) * Math.min(1, rest)
  );
}

function likeMatches(value: string, like: string): boolean {
  const source = like
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.');
  return new RegExp(`^${source}$`, 's').test(value);
}

/** The literal behind casts. */
function literalOf(expression: Expression | undefined): Literal | undefined {
  if (expression?.kind === 'cast') return literalOf(expression.operand);
  return expression?.kind === 'literal' ? expression : undefined;
}

/** The estimate of the column behind casts. */
function columnOf(expression: Expression | undefined, relation: RelationEstimate): ColumnEstimate | undefined {
  if (expression?.kind === 'cast') return columnOf(expression.operand, relation);
  return expression?.kind === 'column' ? relation.columns.get(expression.id) : undefined;
}
