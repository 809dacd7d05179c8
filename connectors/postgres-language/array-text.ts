/** Arrays in PostgreSQL's text form, `{1,NULL,"a b"}`, as nested lists of their elements' texts. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

export type ArrayItems = readonly (string | null | ArrayItems)[];

/** Deeper nesting than PostgreSQL's MAXDIM is an error. */
const MAX_DIMENSIONS = 6;

/** @throws CausewayError (22P02) when `text` is no array literal. */
export function parseArray(text: string): ArrayItems {
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  const fail = (): never => {
    throw new CausewayError(SQLSTATE.invalidTextRepresentation, `malformed array literal: "${text.slice(0, 200)}"`);
  };
  const quoted = (): string => {
    let value = '';
    for (at++; text[at] !== '"'; at++) {
      if (text[at] === '\\') at++;
      if (at >= text.length) fail();
      value += text[at];
    }
    at++;
    return value;
  };
  const bare = (): string | null => {
    const start = at;
    while (at < text.length && text[at] !== ',' && text[at] !== '}') at++;
    const value = text.slice(start, at).trim();
    if (value === '' || at >= text.length) fail();
    return value.toUpperCase() === 'NULL' ? null : value;
  };
  const list = (depth: number): (string | null | ArrayItems)[] => {
    if (text[at] !== '{' || depth > MAX_DIMENSIONS) fail();
    at++;
    const items: (string | null | ArrayItems)[] = [];
    if (text[at] === '}') {
      at++;
      return items;
    }
    for (;;) {
      if (text[at] === '{') items.push(list(depth + 1));
      else items.push(text[at] === '"' ? quoted() : bare());
      const next = text[at++];
      if (next === '}') return items;
      if (next !== ',') fail();
    }
  };
  const items = list(1);
  if (at !== text.length) fail();
  return items;
}

/** The inverse of {@link parseArray}; quotes what would read as something else (array_out). */
export function arrayText(items: ArrayItems): string {
  return `{${items
    .map((item) => {
      if (item === null) return 'NULL';
      if (typeof item !== 'string') return arrayText(item);
      return item === '' || /[{}",\\\s]/.test(item) || item.toUpperCase() === 'NULL'
        ? `"${item.replace(/["\\]/g, '\\$&')}"`
        : item;
    })
    .join(',')}}`;
}
