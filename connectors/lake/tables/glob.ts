/** Globs over keys: `*` and `?` inside a segment, `**` over segments, `[…]` and `{a,b}`. */
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';

export const isGlob = (pattern: string): boolean => /[*?[{]/.test(pattern);

/** The part of `pattern` before its first wildcard: what a listing can be narrowed to. */
export const literalPrefix = (pattern: string): string => pattern.slice(0, pattern.search(/[*?[{]|$/));

/** The pattern as a regular expression over whole keys. */
export function globToRegExp(pattern: string): RegExp {
  let source = '';
  let depth = 0;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    if (c === '*' && pattern[i + 1] === '*') {
      const whole = pattern[i + 2] === '/';
      source += whole ? '(?:[^/]+/)*' : '.*';
      i += whole ? 2 : 1;
    } else if (c === '*') source += '[^/]*';
    else if (c === '?') source += '[^/]';
    else if (c === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end < 0) throw invalid(pattern, '[');
      source += `[${pattern
        .slice(i + 1, end)
        .replace(/^!/, '^')
        .replaceAll('\\', '\\\\')}]`;
      i = end;
    } else if (c === '{') {
      source += '(?:';
      depth++;
    } else if (c === '}' && depth > 0) {
      source += ')';
      depth--;
    } else if (c === ',' && depth > 0) source += '|';
    else source += c.replace(/[.+^$()|\\\]}]/, '\\$&');
  }
  if (depth > 0) throw invalid(pattern, '{');
  return new RegExp(`^${source}$`, 's');
}

const invalid = (pattern: string, bracket: string): CausewayError =>
  new CausewayError(SQLSTATE.invalidParameterValue, `the glob "${pattern}" has a ${bracket} without its end`);
