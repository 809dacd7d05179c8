/**
 * Rows per second from a warehouse to Arrow batches at the mediator: a million rows of eight columns.
 *
 *   npm run bench:warehouse [bigquery|snowflake|all] [rows=1000000] [repeats=3]
 *
 * Snowflake takes about three minutes, nearly all of it its own library; BigQuery one. The servers are the project's test
 * servers, each in a process of its own.
 */
import { benchBigquery } from './bigquery.ts';
import { benchSnowflake } from './snowflake.ts';

const [which = 'all', rows = '1000000', repeats = '3'] = process.argv.slice(2);
const signal = new AbortController().signal;

if (which !== 'snowflake') await benchBigquery(Number(rows), Number(repeats), signal);
if (which !== 'bigquery') await benchSnowflake(Number(rows), Number(repeats), signal);
