import { bigqueryPlace } from '../../test/servers/bigquery/place.ts';
import { conformance } from '../conformance.ts';
import { bigquery } from './connector.ts';

conformance({ connector: bigquery, open: () => bigqueryPlace() });
// Every result of more than one row comes through the Storage API.
conformance({
  connector: bigquery,
  what: 'bigquery through the Storage API',
  open: () => bigqueryPlace({ pageRows: 1 }),
  skip: { cut: 'the Storage API has its own test, storage-read.test.ts', write: 'as above' },
});
