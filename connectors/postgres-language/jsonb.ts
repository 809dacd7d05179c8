/** jsonb's normal form as text: keys by length and then by bytes, the last of equal keys, `, ` and `: ` between. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

/**
 * @param text any JSON; numbers keep their digits.
 * @throws CausewayError 22P02 when it is not JSON.
 */
export function jsonbText(text: string): string {
  let at = 0;
  const fail = () =>
    new CausewayError(SQLSTATE.invalidTextRepresentation, `invalid input syntax for type json: "${text}"`);
  const space = () => {
    while (/\s/.test(text[at] ?? 'x')) at++;
  };
  const expect = (c: string) => {
    space();
    if (text[at] !== c) throw fail();
    at++;
  };
  const string = (): string => {
    const start = at;
    for (at++; text[at] !== '"'; at++) {
      if (at >= text.length) throw fail();
      if (text[at] === '\\') at++;
    }
    at++;
    return JSON.stringify(JSON.parse(text.slice(start, at)));
  };
  /** Reads what stands between the bracket at `at` and `close`, separated by commas. */
  const members = (close: string, member: () => void) => {
    at++;
    space();
    for (let first = true; text[at] !== close; first = false) {
      if (!first) expect(',');
      space();
      member();
      space();
    }
    at++;
  };
  const value = (): string => {
    space();
    if (text[at] === '"') return string();
    if (text[at] === '[') {
      const items: string[] = [];
      members(']', () => items.push(value()));
      return `[${items.join(', ')}]`;
    }
    if (text[at] === '{') {
      const entries = new Map<string, string>();
      members('}', () => {
        if (text[at] !== '"') throw fail();
        const key = string();
        expect(':');
        entries.set(key, value());
      });
      const sorted = [...entries].sort(([a], [b]) => byteOrder(a, b));
      return `{${sorted.map(([key, item]) => `${key}: ${item}`).join(', ')}}`;
    }
    const bare = /^(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(text.slice(at));
    if (bare === null) throw fail();
    at += bare[0].length;
    return bare[0];
  };
  const result = value();
  space();
  if (at !== text.length) throw fail();
  return result;
}

const byteOrder = (a: string, b: string): number =>
  Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b));
