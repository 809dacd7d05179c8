/**
 * What a kind of silo can do, as data.
 *
 * Per operation one of three words: `exact` — pushed, the silo's answer is PostgreSQL's answer; `superset` — pushed and
 * checked again at the mediator, because the silo may return more rows; `none` — stays in the plan.
 */
import type { Call } from '../src/plan/expressions.ts';
import type { TypeKind } from '../src/plan/types.ts';
import type { Dialect } from './dialect.ts';

export type Support = 'exact' | 'superset' | 'none';

/** The relational operations that may be pushed into a silo. */
export type Operation =
  | 'filter'
  | 'project'
  | 'join'
  | 'aggregate'
  | 'sort'
  | 'limit'
  | 'distinct'
  | 'set-operation'
  | 'window'
  | 'subquery'
  | 'values';

export interface Capabilities {
  /** How the silo is spoken to: statements in a dialect, or scans with simple filters. */
  readonly language: 'sql' | 'scan';
  readonly dialect?: Dialect;
  /** Operations that are not named are `none`. */
  readonly operations: Readonly<Partial<Record<Operation, Support>>>;
  /**
   * Functions and operators by canonical name. A word for all types, or words by the type of the first argument with
   * `other` for the rest. {@link EVERY_OTHER} stands for every name that is not there. What is not named is `none`.
   * `name('literal')`, `name(kind,kind)` and `cast:target` say more (callSupport, castSupport).
   */
  readonly functions: Readonly<Record<string, FunctionSupport>>;
  /**
   * Decimals of a product beyond which the engine rounds. Products of numeric values that may have more, or whose decimals
   * the plan does not know, stay at the mediator.
   */
  readonly productScale?: number;
  /** Aggregates by name, likewise. */
  readonly aggregates: Readonly<Record<string, FunctionSupport>>;
  /** Types whose values the silo stores and returns unchanged. */
  readonly types: readonly TypeKind[];
  /** The most values an IN list or VALUES may hold in one statement. */
  readonly maxListLength?: number;
  /**
   * True where the mediator reads the rows by itself, in this process. Its own joins do then what a list of keys would do,
   * without reading a statement of a thousand values.
   */
  readonly inPlace?: boolean;
  /** True where a table may be read in parts of one snapshot, over several connections (`SqlFragment.split`). */
  readonly splits?: true;
  /** The most connections one statement may hold at once. */
  readonly maxConnections?: number;
  /** True where statements cost money: a budget needs their price (ALTER SILO) or the silo's own word (Silo.estimate). */
  readonly bills?: true;
  /** `engine`: it can train inside, where the silo's owner has installed the code (Silo.trainingStep). */
  readonly training?: 'none' | 'engine';
}

/** The words of a text: `'a' | 'b'` of `'a b'`. */
type Word<Text extends string> = Text extends `${infer First} ${infer Rest}` ? First | Word<Rest> : Text;

/** Names that are written one after another: `words('boolean integer date')`. */
export const words = <const Text extends string>(text: Text): Word<Text>[] => text.split(' ') as Word<Text>[];

/** The same said of several names: `...each('= <> <', 'exact')`. */
export const each = <const Text extends string, const T>(text: Text, said: T): Record<Word<Text>, T> =>
  Object.fromEntries(words(text).map((name) => [name, said])) as Record<Word<Text>, T>;

/** Of engines whose SQL says all that the plan can. */
export const EVERY_OPERATION = each(
  'filter project join aggregate sort limit distinct set-operation window subquery values',
  'exact',
);

/** The key for all names that a table does not hold. */
export const EVERY_OTHER = 'every other';

export type FunctionSupport = Support | Readonly<Partial<Record<TypeKind | 'other', Support>>>;

/**
 * The word for a call, by the most special key there is: `name('literal')` for a first argument that is a word of the
 * language (`extract('year')`), by the kind of the second; `name(kind,kind)` of all arguments; `name`, by the kind of the first.
 */
export function callSupport(
  { functions, productScale }: Pick<Capabilities, 'functions' | 'productScale'>,
  call: Call,
): Support {
  const { name, args } = call;
  const [first, second] = args;
  const product = name === '*' && call.type.kind === 'numeric' ? call.type : undefined;
  // A scale that the plan does not know may be any.
  if (
    productScale !== undefined &&
    product !== undefined &&
    (product.scale ?? Number.POSITIVE_INFINITY) > productScale
  ) {
    return 'none';
  }
  const word = `${name}('${first?.kind === 'literal' ? String(first.value) : ''}')`;
  if (Object.hasOwn(functions, word)) return supportOf(functions, word, second?.type.kind);
  const signature = `${name}(${args.map(({ type }) => type.kind).join(',')})`;
  return supportOf(functions, Object.hasOwn(functions, signature) ? signature : name, first?.type.kind);
}

/** The word for a cast: `cast:target` by the kind of the operand where the table has such a key, else `cast`. */
export function castSupport(table: Readonly<Record<string, FunctionSupport>>, from: TypeKind, to: TypeKind): Support {
  return supportOf(table, Object.hasOwn(table, `cast:${to}`) ? `cast:${to}` : 'cast', from);
}

/** The word for `name` on a first argument of type `kind`. */
export function supportOf(
  table: Readonly<Record<string, FunctionSupport>>,
  name: string,
  kind: TypeKind | undefined,
): Support {
  const entry = Object.hasOwn(table, name) ? table[name] : table[EVERY_OTHER];
  if (entry === undefined) return 'none';
  if (typeof entry === 'string') return entry;
  return (kind === undefined ? undefined : entry[kind]) ?? entry.other ?? 'none';
}
