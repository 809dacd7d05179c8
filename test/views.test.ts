import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import type { Session } from '../src/engine/session.ts';
import { run } from './support/federation.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-views-'));
let engine: Engine;
let session: Session;
beforeAll(async () => {
  engine = await Engine.open({ directory });
  session = engine.openSession();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

test('a view that would read itself is refused, and the one that was there stays', async () => {
  await run(
    session,
    'CREATE VIEW a AS SELECT 1 AS x; CREATE VIEW b AS SELECT * FROM a; CREATE VIEW c AS SELECT * FROM b',
  );
  await expect(run(session, 'CREATE OR REPLACE VIEW a AS SELECT * FROM c')).rejects.toMatchObject({
    sqlstate: '42P17',
  });
  await expect(run(session, 'CREATE OR REPLACE VIEW a AS SELECT * FROM a')).rejects.toMatchObject({
    sqlstate: '42P17',
  });
  expect(await run(session, 'SELECT x FROM c')).toEqual([['1']]);
});

test('a view may be read twice, and by another', async () => {
  expect(await run(session, 'SELECT l.x + r.x FROM b AS l, b AS r, a')).toEqual([['2']]);
});
