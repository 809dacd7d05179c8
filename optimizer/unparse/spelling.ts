/** How PostgreSQL itself spells the operators and the functions with a syntax of their own. */
import { atom, BINDING, type Piece, within } from './piece.ts';

interface Infix {
  readonly text: string;
  readonly binding: number;
  /** `a o b o c` may be written without brackets on the left. */
  readonly associative: boolean;
}

const infix = (text: string, binding: number, associative = false): Infix => ({ text, binding, associative });

export const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=']);

export const INFIX: ReadonlyMap<string, Infix> = new Map<string, Infix>([
  ['or', infix('OR', BINDING.or, true)],
  ['and', infix('AND', BINDING.and, true)],
  ...[...COMPARISONS].map((name) => [name, infix(name, BINDING.comparison)] as const),
  ['is_distinct_from', infix('IS DISTINCT FROM', BINDING.is)],
  ['is_not_distinct_from', infix('IS NOT DISTINCT FROM', BINDING.is)],
  ...['||', '~', '~*', '!~', '!~*', '->', '->>', '#>', '#>>', '@>', '<@', '&&', '&', '|', '#', '<<', '>>', '?'].map(
    (name) => [name, infix(name, BINDING.other, name === '||')] as const,
  ),
  ['+', infix('+', BINDING.add, true)],
  ['-', infix('-', BINDING.add, true)],
  ['*', infix('*', BINDING.multiply, true)],
  ['/', infix('/', BINDING.multiply, true)],
  ['%', infix('%', BINDING.multiply, true)],
  ['^', infix('^', BINDING.power, true)],
]);

type Spelling = (args: readonly Piece[]) => Piece;

const postfix =
  (text: string): Spelling =>
  ([operand]) => ({ text: `${within(operand!, BINDING.is + 1)} ${text}`, binding: BINDING.is });

/** `a LIKE b [ESCAPE c]`. */
const matching =
  (operator: string): Spelling =>
  ([subject, pattern, escaped]) => ({
    text:
      `${within(subject!, BINDING.like + 1)} ${operator} ${within(pattern!, BINDING.like + 1)}` +
      (escaped === undefined ? '' : ` ESCAPE ${within(escaped, BINDING.atom)}`),
    binding: BINDING.like,
  });

const membership: Spelling = ([subject, ...values]) => ({
  text: `${within(subject!, BINDING.like + 1)} IN (${values.map((value) => value.text).join(', ')})`,
  binding: BINDING.like,
});

const prefix =
  (operator: string): Spelling =>
  ([operand]) => ({ text: `${operator}${within(operand!, BINDING.atom)}`, binding: BINDING.sign });

/** A field name that was bound as a text literal, without its quotes. */
const keyword = (piece: Piece): string => piece.text.replaceAll("'", '');

const bare =
  (text: string): Spelling =>
  () =>
    atom(text);

export const SPELLING: ReadonlyMap<string, Spelling> = new Map<string, Spelling>([
  ['not', ([operand]) => ({ text: `NOT ${within(operand!, BINDING.not)}`, binding: BINDING.not })],
  ['is_null', postfix('IS NULL')],
  ['is_not_null', postfix('IS NOT NULL')],
  ...['true', 'false', 'unknown'].flatMap((word) => [
    [`is_${word}`, postfix(`IS ${word.toUpperCase()}`)] as const,
    [`is_not_${word}`, postfix(`IS NOT ${word.toUpperCase()}`)] as const,
  ]),
  ['like', matching('LIKE')],
  ['ilike', matching('ILIKE')],
  ['similar_to', matching('SIMILAR TO')],
  ['in_list', membership],
  ['extract', ([field, from]) => atom(`extract(${keyword(field!)} FROM ${from!.text})`)],
  ['negate', prefix('-')],
  ['plus', prefix('+')],
  ['bit_not', prefix('~')],
  ['position', ([whole, part]) => atom(`strpos(${whole!.text}, ${part!.text})`)],
  ['array', (args) => atom(`ARRAY[${args.map((arg) => arg.text).join(', ')}]`)],
  ['row', (args) => atom(`ROW(${args.map((arg) => arg.text).join(', ')})`)],
  ['subscript', ([array, index]) => atom(`(${array!.text})[${index!.text}]`)],
  ['slice', ([array, from, to]) => atom(`(${array!.text})[${from!.text}:${to!.text}]`)],
  ['text_collate_c', ([text]) => atom(`(${within(text!, BINDING.atom)} COLLATE "C")`)],
  ...['current_date', 'current_time', 'current_timestamp', 'localtime', 'localtimestamp', 'current_user'].map(
    (name) => [name, bare(name.toUpperCase())] as const,
  ),
]);
