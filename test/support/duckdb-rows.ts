/** The two tables of random-plans.ts in a DuckDB of their own, and what a plan answers over them. */
import { DuckDBInstance } from '@duckdb/node-api';
import type { Dialect } from '../../connectors/dialect.ts';

/** DuckDB as it is, with nothing rewritten. */
export const plainDuckDB: Dialect = {
  name: 'duckdb',
  identifierQuotes: ['"', '"'],
  calls: {},
  types: { text: 'VARCHAR', double: 'DOUBLE' },
  literals: {},
  nullOrdering: 'standard',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
};

export interface SmallDatabase extends Disposable {
  /** The rows as JSON, sorted, decimals without trailing zeros: two plans agree when these are equal. */
  rows(text: string): Promise<readonly string[]>;
}

export async function smallDatabase(): Promise<SmallDatabase> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("SET disabled_optimizers = 'join_filter_pushdown'");
  await connection.run('CREATE TABLE a (x INTEGER, y INTEGER, s VARCHAR)');
  await connection.run("INSERT INTO a VALUES (1,1,'p'),(1,2,'q'),(2,NULL,'q'),(NULL,3,NULL),(3,3,'p')");
  await connection.run('CREATE TABLE b (x INTEGER, y INTEGER, s VARCHAR)');
  await connection.run("INSERT INTO b VALUES (1,5,'q'),(3,NULL,NULL),(3,2,'p'),(NULL,NULL,'r')");
  return {
    async rows(text) {
      const result = await connection.runAndReadAll(text);
      return result
        .getRowsJson()
        .map((row) => JSON.stringify(row).replaceAll(/(\d)\.0+"/g, '$1"'))
        .sort();
    },
    [Symbol.dispose]: () => connection.closeSync(),
  };
}
