import { describe, expect, test } from 'vitest';
import { requireReading } from './native-query.ts';

describe('requireReading', () => {
  test.each([
    ['postgres', 'SELECT a FROM b.c WHERE x ~ 1'],
    ['mysql', 'SELECT `a` FROM `b` LIMIT 1, 2'],
    ['bigquery', 'SELECT a FROM `p.d.t`'],
    ['snowflake', 'SELECT a FROM t QUALIFY row_number() OVER (ORDER BY a) = 1'],
    // Not understood: the silo decides.
    ['postgres', 'SELECT * FROM t FOR UPDATE'],
    ['unheard-of', 'DROP TABLE x'],
  ])('%s: %s passes', (dialect, text) => {
    expect(() => requireReading('s', text, dialect)).not.toThrow();
  });

  test.each([
    ['postgres', 'DROP TABLE x', /not a DROP/],
    ['postgres', 'SELECT 1; DELETE FROM t', /not a DELETE/],
    ['postgres', 'SELECT 1; SELECT 2', /2 statements/],
    ['mysql', 'INSERT INTO t SELECT 1', /not a INSERT|not an INSERT/],
  ])('%s: %s is refused', (dialect, text, message) => {
    expect(() => requireReading('s', text, dialect)).toThrow(message);
  });
});
