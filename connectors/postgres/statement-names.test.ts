import { expect, test } from 'vitest';
import { StatementNames } from './statement-names.ts';

test('a text is sent once, and again after its statement was dropped', () => {
  const names = new StatementNames();
  const first = names.use('SELECT 1');
  expect(first).toMatchObject({ text: 'SELECT 1', forget: [] });
  expect(names.use('SELECT 1')).toEqual({ name: first.name, text: undefined, forget: [] });
  names.drop('SELECT 1');
  const second = names.use('SELECT 1');
  expect(second).toMatchObject({ text: 'SELECT 1', forget: [first.name] });
  expect(second.name).not.toBe(first.name);
});

test('the least recently used is forgotten when there are too many', () => {
  const names = new StatementNames(2);
  const a = names.use('a');
  const b = names.use('b');
  names.use('a');
  expect(names.use('c').forget).toEqual([b.name]);
  expect(names.use('a')).toMatchObject({ name: a.name, text: undefined });
});
