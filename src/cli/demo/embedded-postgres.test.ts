import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';

const source = new URL('./embedded-postgres.ts', import.meta.url);

function run(script: string, TMPDIR = tmpdir()) {
  const imports = `const { startPostgres } = await import(${JSON.stringify(source.href)});`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', imports + script], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR },
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

test('a process that has had a server still ends with its own exit code', () => {
  const child = run('await (await startPostgres())[Symbol.asyncDispose](); process.exitCode = 3;');
  expect(child.stderr).toBe('');
  expect(child.status).toBe(3);
});

test('a process that ends in a hurry leaves neither server nor files, and its own exit code', async () => {
  const temporary = mkdtempSync(join(tmpdir(), 'causeway-exit-'));
  // Under root the server runs as another user, who must be able to enter.
  chmodSync(temporary, 0o755);
  try {
    const child = run('console.log((await startPostgres()).port); process.exit(4);', temporary);
    expect(child.stderr).toBe('');
    expect(child.status).toBe(4);
    const port = Number(child.stdout);
    expect(port).toBeGreaterThan(0);
    await vi.waitFor(async () => expect(await answers(port)).toBe(false), { timeout: 20_000, interval: 100 });
    expect(readdirSync(temporary).filter((name) => name.startsWith('causeway-postgres-'))).toEqual([]);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
});
