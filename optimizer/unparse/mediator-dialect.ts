/** The mediator runs in the process's DuckDB, which is spelled the same for every silo that lives in it. */
export { duckdbDialect as mediatorDialect } from '../../connectors/duckdb-engine/dialect.ts';
