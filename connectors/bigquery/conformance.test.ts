import { bigqueryPlace } from '../../test/servers/bigquery/place.ts';
import { conformance } from '../conformance.ts';
import { bigquery } from './connector.ts';

conformance({ connector: bigquery, open: () => bigqueryPlace() });
