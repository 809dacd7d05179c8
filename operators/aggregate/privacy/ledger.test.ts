import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { privacyCost } from './accountant.ts';
import { privacyLedger } from './ledger.ts';

const budget = { table: 'berlin.readings', unit: 'meter_id', epsilon: 2, delta: 1e-5 };
const charge = { run: 'a', table: 'berlin.readings', unit: 'meter_id', q: 1, z: 20, steps: 50 };

test('charges add up over runs and are refused when the budget is spent', () => {
  const ledger = privacyLedger(new DatabaseSync(':memory:'));
  ledger.allow(budget);
  ledger.charge(charge);
  const both = ledger.charge({ ...charge, run: 'b' });
  expect(both.spent).toBeCloseTo(privacyCost([{ q: 1, z: 20, steps: 100 }], 1e-5).epsilon, 9);
  expect(() => ledger.charge({ ...charge, run: 'c' })).toThrow(
    /budget of berlin.readings per meter_id is ε = 2: 1.99\d\d is spent, this would make it 2\.\d+/,
  );
  expect(ledger.list()).toEqual([both]);
});

test('the same charge twice counts once, and steps never go back', () => {
  const ledger = privacyLedger(new DatabaseSync(':memory:'));
  ledger.allow(budget);
  const once = ledger.charge(charge);
  expect(ledger.charge(charge)).toEqual(once);
  expect(ledger.charge({ ...charge, steps: 10 })).toEqual(once);
});

test('a table without a budget is refused', () => {
  const ledger = privacyLedger(new DatabaseSync(':memory:'));
  expect(() => ledger.charge(charge)).toThrow(/has no privacy budget per meter_id/);
});

test('a restart forgets nothing', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'ledger.db');
  const first = new DatabaseSync(file);
  privacyLedger(first).allow(budget);
  const spent = privacyLedger(first).charge(charge).spent;
  first.close();
  const second = new DatabaseSync(file);
  onTestFinished(() => second.close());
  expect(privacyLedger(second).list()).toEqual([{ ...budget, spent }]);
});
