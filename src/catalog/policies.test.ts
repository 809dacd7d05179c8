import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Policy } from '../plan/policy.ts';
import { Catalog } from './catalog.ts';

test('policies and learned values survive a restart', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-'));
  const policy: Policy = {
    name: 'p',
    silo: 'berlin',
    table: 'people',
    allow: { kind: 'rows', columns: ['id'] },
    to: { kind: 'any' },
    where: 'NOT vip',
  };
  try {
    {
      using catalog = Catalog.open(directory);
      catalog.policies.put(policy);
      catalog.learned<number[]>('speed').save('berlin', [1, 2]);
      catalog.learned<number>('statistics').save('berlin.people', 3);
      catalog.learned<number>('statistics').save('berlin_2.people', 4);
    }
    using catalog = Catalog.open(directory);
    expect(catalog.policies.list()).toEqual([policy]);
    expect(catalog.policies.get('q')).toBeUndefined();
    expect([...catalog.learned('speed').load()]).toEqual([['berlin', [1, 2]]]);
    catalog.learned('statistics').forget('berlin.');
    expect([...catalog.learned('statistics').load()]).toEqual([['berlin_2.people', 4]]);
    expect(catalog.policies.remove('p')).toBe(true);
    expect(catalog.policies.remove('p')).toBe(false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
