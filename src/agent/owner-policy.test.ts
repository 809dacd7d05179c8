import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { OwnerPolicy } from './owner-policy.ts';

function load(text: string): OwnerPolicy {
  const directory = mkdtempSync(join(tmpdir(), 'policy-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'policy.sql');
  writeFileSync(file, text);
  return OwnerPolicy.load('berlin', file);
}

test.each([
  ['DROP POLICY p', /holds a statement that is no CREATE POLICY/],
  ['CREATE POLICY p ON paris.t ALLOW NOTHING TO ANY', /is about silo "paris", this agent stands beside "berlin"/],
  ['CREATE POLICY p ON berlin.t ALLOW ROWZ (a) TO ANY', /./],
  [
    'CREATE POLICY p ON berlin.t ALLOW ROWS (a) TO ANY; CREATE POLICY q ON berlin.t ALLOW NOTHING TO ANY',
    /contradicts policy "p"/,
  ],
])('%s is refused when the agent starts', (text, message) => {
  expect(() => load(text)).toThrow(message);
});

test('a missing file is an error, not an empty policy', () => {
  expect(() => OwnerPolicy.load('berlin', '/nonexistent/policy.sql')).toThrow(/policy file cannot be read/);
});
