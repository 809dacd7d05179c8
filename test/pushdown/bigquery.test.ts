import { bigquery } from '../../connectors/bigquery/connector.ts';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { bigqueryPlace } from '../servers/bigquery/place.ts';
import { planRunner } from './runner.ts';

pushdownConformance({ connector: bigquery, runner: planRunner, open: bigqueryPlace });
