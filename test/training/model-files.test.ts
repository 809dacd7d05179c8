import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Protection } from '../../src/engine/training/protection.ts';
import { type Federation, openFederation, run } from '../support/federation.ts';

let federation: Federation;
let directory: string;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'), 120);
  directory = mkdtempSync(join(tmpdir(), 'causeway-models-'));
  await sql(`TRAIN MODEL load PREDICT load FORECAST BY ts PER meter WINDOW 6
    USING lstm (hidden => 4, season => 24) FEDERATE fedavg (rounds => 1)
    AS SELECT ts, meter, load, 1.0::float8 AS constant FROM readings`);
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await federation[Symbol.asyncDispose]();
});

const sql = (text: string) => run(federation.session, text);
const file = (name: string): string => join(directory, name);

describe('EXPORT MODEL and IMPORT MODEL', () => {
  test('a model that was exported and imported forecasts the same, bit for bit', async () => {
    await sql(`EXPORT MODEL load TO '${file('load.safetensors')}'`);
    await sql(`IMPORT MODEL twin FROM '${file('load.safetensors')}'`);
    const forecast = (name: string) => sql(`SELECT * FROM ml.forecast('${name}', horizon => 3) ORDER BY 1, 2, 3`);
    expect(await forecast('twin')).toEqual(await forecast('load'));
    expect(await sql(`SELECT * FROM ml.evaluate('twin') ORDER BY 1`)).toEqual(
      await sql(`SELECT * FROM ml.evaluate('load') ORDER BY 1`),
    );
  });

  test('the card tells what the model is, in Markdown and JSON', async () => {
    await sql(`EXPORT MODEL load TO '${file('load.md')}'; EXPORT MODEL load TO '${file('load.json')}'`);
    const card = JSON.parse(readFileSync(file('load.json'), 'utf8')) as { silos: { silo: string }[]; sql: string };
    expect(card).toMatchObject({ model: 'load', version: 1, predicts: ['load'], ordered_by: 'ts', per: 'meter' });
    expect(card.silos.map(({ silo }) => silo)).toEqual(['berlin', 'oslo', 'paris']);
    const markdown = readFileSync(file('load.md'), 'utf8');
    expect(markdown).toContain('# load, version 1');
    expect(markdown).toContain(card.sql);
  });

  test('the card tells the policies in force and the privacy spent, and so does an imported model’s', async () => {
    await sql('CREATE POLICY budget ON oslo.readings ALLOW UPDATES (secure => false, max_epsilon => 5) TO mediator');
    try {
      await sql(`TRAIN MODEL noisy PREDICT load FORECAST BY ts PER meter WINDOW 6 USING lstm (hidden => 4)
        FEDERATE fedavg (rounds => 2) PRIVACY (epsilon => 3, delta => 1e-6, unit => 'record') AS SELECT ts, meter, load FROM readings`);
    } finally {
      await sql('DROP POLICY budget');
    }
    await sql(
      `EXPORT MODEL noisy TO '${file('noisy.safetensors')}'; IMPORT MODEL noisy_twin FROM '${file('noisy.safetensors')}'`,
    );
    await sql(`EXPORT MODEL noisy TO '${file('noisy.json')}'; EXPORT MODEL noisy_twin TO '${file('noisy.md')}'`);
    const { protection } = JSON.parse(readFileSync(file('noisy.json'), 'utf8')) as { protection: Protection };
    expect(protection.privacy).toMatchObject({ epsilon: 3, unit: 'record' });
    const policy =
      'CREATE POLICY budget ON oslo.readings ALLOW UPDATES (secure => false, max_epsilon => 5) TO mediator';
    expect(protection.silos.map(({ silo, policies }) => [silo, policies])).toEqual([
      ['berlin', []],
      ['oslo', [policy]],
      ['paris', []],
    ]);
    const [[total] = []] = await sql(
      `SELECT spent FROM causeway.privacy_ledger WHERE "table" = 'oslo.readings' AND unit = 'record'`,
    );
    const { ledger, spent } = protection.silos[1]!;
    expect(ledger).toEqual([{ table: 'oslo.readings', unit: 'record', delta: 1e-6, spent: Number(total), budget: 5 }]);
    expect(spent!.epsilon).toBeCloseTo(Number(total), 9);
    expect(spent!.epsilon).toBeLessThanOrEqual(3);
    const markdown = readFileSync(file('noisy.md'), 'utf8');
    expect(markdown).toContain(`- **oslo**: \`${policy}\`; this training cost ε = `);
    expect(markdown).toMatch(/`oslo\.readings` has spent ε = [\d.]+ \(δ = 0\.000001\) per record of a budget of 5/);
    expect(markdown).toMatch(/- \*\*paris\*\*: no policy; this training cost ε = [\d.]+ .* per record of no budget/);
  });

  test('a classifier’s card and file tell its accuracy', async () => {
    await sql(`TRAIN MODEL high PREDICT high FORECAST BY ts PER meter WINDOW 6
      USING lstm (hidden => 4, loss => 'binary-cross-entropy') FEDERATE fedavg (rounds => 1)
      AS SELECT ts, meter, load, load > 60 AS high FROM readings`);
    await sql(`EXPORT MODEL high TO '${file('high.md')}'; EXPORT MODEL high TO '${file('high.safetensors')}'`);
    expect(readFileSync(file('high.md'), 'utf8')).toMatch(/\| accuracy \| f1 \| auc \| log loss \|/);
    await sql(`IMPORT MODEL high_twin FROM '${file('high.safetensors')}'`);
    const evaluation = await sql(`SELECT * FROM ml.evaluate('high_twin') ORDER BY 1`);
    expect(evaluation).toHaveLength(4);
    expect(evaluation).toEqual(await sql(`SELECT * FROM ml.evaluate('high') ORDER BY 1`));
  });

  test('ONNX is written whole', async () => {
    await sql(`EXPORT MODEL load TO '${file('load.onnx')}'`);
    // A ModelProto begins with its ir_version, field 1.
    expect(readFileSync(file('load.onnx'))[0]).toBe(0x08);
  });

  test.each([
    ['an unknown format', () => `EXPORT MODEL load TO '${file('load.zip')}'`, '22023'],
    ['a folder that is not there', () => `EXPORT MODEL load TO '${file('nope/load.onnx')}'`, '58030'],
    ['an unknown model', () => `EXPORT MODEL laod TO '${file('x.onnx')}'`, '42704'],
    ['a file that is not there', () => `IMPORT MODEL x FROM '${file('nope.safetensors')}'`, '58P01'],
    ['a name in use', () => `IMPORT MODEL load FROM '${file('load.safetensors')}'`, '42710'],
  ])('%s is refused', async (_, text, sqlstate) => {
    await expect(sql(text())).rejects.toMatchObject({ sqlstate });
  });

  /** The exported file with its metadata changed, or its bytes. */
  function tampered(change: (signature: Record<string, unknown>) => void): Buffer {
    const bytes = readFileSync(file('load.safetensors'));
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as { __metadata__: { causeway: string } };
    const portable = JSON.parse(header.__metadata__.causeway) as { signature: Record<string, unknown> };
    change(portable.signature);
    header.__metadata__.causeway = JSON.stringify(portable);
    const text = Buffer.from(JSON.stringify(header));
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(BigInt(text.length));
    return Buffer.concat([start, text, bytes.subarray(8 + length)]);
  }

  test.each([
    ['truncated', () => readFileSync(file('load.safetensors')).subarray(0, -4)],
    [
      'with a header that claims 2^60 bytes',
      () => Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 16]), Buffer.alloc(64)]),
    ],
    ['of another architecture', () => tampered((signature) => Object.assign(signature.spec as object, { hidden: 8 }))],
    [
      'that asks for a billion units',
      () => tampered((signature) => Object.assign(signature.spec as object, { hidden: 1e9 })),
    ],
    [
      'with a vocabulary that its weights do not fit',
      () =>
        tampered((signature) => {
          Object.assign((signature.features as object[])[0]!, { category: { most: 10, dimension: 200 } });
          Object.assign((signature.statistics as object[])[0]!, { vocabulary: ['a', 'b'], others: 0 });
        }),
    ],
    [
      'that asks for a billion categories',
      () => tampered((signature) => Object.assign((signature.features as object[])[0]!, { category: { most: 1e9 } })),
    ],
    ['without statistics', () => tampered((signature) => Reflect.deleteProperty(signature, 'statistics'))],
    ['with a target that is no feature', () => tampered((signature) => Object.assign(signature, { targets: [99] }))],
  ])('a file %s is refused, and no model is made', async (_, bytes) => {
    writeFileSync(file('bad.safetensors'), bytes());
    await expect(sql(`IMPORT MODEL bad FROM '${file('bad.safetensors')}'`)).rejects.toMatchObject({
      sqlstate: 'XX001',
    });
    expect(federation.engine.catalog.models.get('bad')).toBeUndefined();
  });
});
