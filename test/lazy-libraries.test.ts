/** Client libraries of warehouses are large: a process that reaches no warehouse must not load them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'causeway-lazy-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The packages of which a process has loaded something when it ends, on stderr. */
const REPORT = `process.on('exit', () => {
  const packages = Object.keys(require.cache).map((path) => path.split('node_modules/')[1]).filter(Boolean);
  process.stderr.write('LOADED ' + [...new Set(packages.map((path) => path.split('/').slice(0, path[0] === '@' ? 2 : 1).join('/')))].join(' '));
});`;

function loadedBy(args: readonly string[]): { readonly out: string; readonly packages: readonly string[] } {
  const hook = join(directory, 'report.cjs');
  writeFileSync(hook, REPORT);
  const { stdout, stderr } = spawnSync(process.execPath, ['--require', hook, ...args], { encoding: 'utf8' });
  return { out: stdout, packages: (stderr.split('LOADED ')[1] ?? '').split(' ') };
}

test('`causeway sql` without a warehouse loads no warehouse’s library', () => {
  const { out, packages } = loadedBy(['src/cli/main.ts', 'sql', '--dir', join(directory, 'catalog'), '-c', 'select 1']);
  expect(out).toContain('(1 row)');
  // Something is there, so the report works.
  expect(packages).toContain('yaml');
  expect(packages.filter((name) => /snowflake|google|grpc|gaxios/.test(name))).toEqual([]);
});

test('the report sees a library that is loaded', () => {
  const { packages } = loadedBy(['--input-type=module', '-e', "await import('snowflake-sdk')"]);
  expect(packages).toContain('snowflake-sdk');
});
