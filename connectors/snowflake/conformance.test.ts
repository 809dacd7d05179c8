import { snowflakePlace } from '../../test/servers/snowflake/place.ts';
import { conformance } from '../conformance.ts';
import { snowflake } from './connector.ts';

/** Chunks larger than what the kit's proxy lets through: a part that comes whole at the next try is no failure. */
const SIZES = { inline: 1000, chunk: 60_000, zip: false };

conformance({ connector: snowflake, open: () => snowflakePlace({ sizes: SIZES }) });
