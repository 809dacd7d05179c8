import { describe, expect, it } from 'vitest';
import { MemoryBudget, memoryBytes } from './memory-budget.ts';

describe('memoryBytes', () => {
  it('reads decimal and binary units', () => {
    expect(memoryBytes('500MB')).toBe(500_000_000);
    expect(memoryBytes('1.5 GiB')).toBe(1.5 * 1024 ** 3);
    expect(memoryBytes('10 kb')).toBe(10_000);
    expect(() => memoryBytes('lots')).toThrow(/"lots" is not an amount of memory/);
  });
});

describe('MemoryBudget', () => {
  it('gives a statement alone its own limit, and several the sum, within that of the process', () => {
    const budget = new MemoryBudget(1000);
    expect(budget.limit).toBe(1000);
    const first = budget.enter(300);
    expect(budget.limit).toBe(300);
    const second = budget.enter(400);
    const third = budget.enter(900);
    expect(budget.limit).toBe(1000);
    third();
    third();
    expect(budget.limit).toBe(700);
    first();
    second();
    expect(budget.limit).toBe(1000);
  });
});
