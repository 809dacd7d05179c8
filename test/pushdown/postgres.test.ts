import { inject } from 'vitest';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { loadTables, testDatabase } from '../servers/postgres.ts';
import { planRunner } from './runner.ts';

pushdownConformance({
  connector: postgres,
  runner: planRunner,
  known: {
    ...all('jsonb has no order, no || and no - in DuckDB', [
      ...['<', '<=', '>', '>=', '||'].map((operator) => `${operator}(jsonb, jsonb)`),
      ...['text', 'integer'].map((type) => `-(jsonb, ${type})`),
    ]),
    ...all('DuckDB’s decimals have one scale a column', ['scale(numeric)']),
    ...all('DuckDB knows whole numbers only here', ['gcd(numeric, numeric)', 'lcm(numeric, numeric)']),
    ...all('answered where PostgreSQL refuses: a date has an hour, an interval a week', [
      ...['hour', 'minute', 'second', 'milliseconds'].map((field) => `extract(${field}, date)`),
      'extract(week, interval)',
      'date_trunc(week, interval)',
    ]),
    ...all('DuckDB counts no NULLs of arguments of several types', ['num_nulls(integer)', 'num_nonnulls(integer)']),
    ...all('DuckDB aggregates no bytes', ['string_agg(bytea, , )']),
  },
  open: async () => {
    const database = await testDatabase(inject('postgres'));
    return {
      options: { url: database.url },
      load: (tables) => loadTables(database.client, tables),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  },
});

/** The same reason for several calls. */
function all(reason: string, titles: readonly string[]): Record<string, string> {
  return Object.fromEntries(titles.map((title) => [title, reason]));
}
