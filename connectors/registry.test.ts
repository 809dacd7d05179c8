import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { connectorKinds } from './registry.ts';

// vitest resolves imports in its own way: a named import that a CommonJS module does not offer fails in Node alone.
test('Node itself loads every connector', () => {
  const script = `const { connectorKinds, connectorOf } = await import('${new URL('./registry.ts', import.meta.url).href}');
    for (const kind of connectorKinds) console.log((await connectorOf(kind)).kind);`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(printed.trim().split('\n')).toEqual(connectorKinds);
});
