import { expect, it } from 'vitest';
import { duckdbCapabilities } from '../../connectors/duckdb-engine/dialect.ts';
import { scalar } from '../../src/plan/types.ts';
import { acceptsKeys } from './key-filters.ts';

it('sends no keys to where the mediator reads by itself, but to the same engine behind an agent', () => {
  const column = { id: 1, name: 'id', type: scalar('bigint') };
  expect(acceptsKeys(column, duckdbCapabilities)).toBe(false);
  expect(acceptsKeys(column, { ...duckdbCapabilities, inPlace: false })).toBe(true);
});
