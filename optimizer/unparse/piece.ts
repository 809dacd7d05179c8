/** SQL text with the strength by which its outermost operator binds, so that parentheses go only where they are needed. */

export interface Piece {
  readonly text: string;
  readonly binding: number;
}

/** Strengths in PostgreSQL's order of precedence (manual §4.1.6); `atom` needs no parentheses anywhere. */
export const BINDING = {
  none: 0,
  or: 1,
  and: 2,
  not: 3,
  is: 4,
  comparison: 5,
  like: 6,
  other: 7,
  add: 8,
  multiply: 9,
  power: 10,
  sign: 11,
  atom: 20,
} as const;

export const atom = (text: string): Piece => ({ text, binding: BINDING.atom });

/** The text, in parentheses unless it binds at least as strongly as `needed`. */
export const within = (piece: Piece, needed: number): string =>
  piece.binding >= needed ? piece.text : `(${piece.text})`;

/**
 * Fills a template (connectors/dialect.ts): `$1` … are arguments, `$*` all of them, `$2*` those from the second on,
 * `$#1` a text literal without its quotes, in lower case.
 * An argument that does not stand alone between brackets or commas is put in parentheses when it needs them.
 */
export function fill(template: string, args: readonly Piece[]): Piece {
  const text = template.replace(
    /\$(#?)(\d*)(\*?)/g,
    (whole, bare: string, digits: string, rest: string, at: number) => {
      if (digits === '' && rest === '') return whole;
      if (bare !== '') return (args[Number(digits) - 1]?.text ?? '').replaceAll("'", '').toLowerCase();
      const first = digits === '' ? 0 : Number(digits) - 1;
      if (rest === '*')
        return args
          .slice(first)
          .map((arg) => arg.text)
          .join(', ');
      const arg = args[first];
      if (arg === undefined) return 'NULL';
      const alone =
        /(^|[(,[]\s*)$/.test(template.slice(0, at)) && /^(\s*[),\]]|$)/.test(template.slice(at + whole.length));
      return alone && template !== whole ? arg.text : within(arg, BINDING.atom);
    },
  );
  return { text, binding: standsAlone(text) ? BINDING.atom : BINDING.none };
}

/** True for `name`, `name(…)` and `(…)`: text whose brackets close only at its end. */
function standsAlone(text: string): boolean {
  const open = /^[\w.]*[([]/.exec(text);
  if (open === null) return /^[\w.]+$/.test(text);
  let depth = 0;
  for (let i = open[0].length - 1; i < text.length; i++) {
    const c = text[i]!;
    if (c === "'" || c === '"') {
      i = text.indexOf(c, i + 1);
      if (i < 0) return false;
    } else if (c === '(' || c === '[') depth++;
    else if ((c === ')' || c === ']') && --depth === 0) return i === text.length - 1;
  }
  return false;
}
