/**
 * Decides who answers a query: the oracle, when PostgreSQL itself says that it reads nothing but the catalog, else the
 * engine. It fails closed: whatever is not proven to be the catalog's goes to the engine.
 */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { EndpointSession } from '../backend.ts';
import type { CatalogOracle, StatementFacts } from '../oracle/catalog-oracle.ts';
import { OracleError } from '../oracle/messages.ts';
import type { SessionContext } from '../oracle/thread.ts';
import type { Command } from '../statements/command.ts';
import { oidOf } from '../values/oids.ts';
import { describeColumns, type Prepared } from './prepared.ts';

const TEXT_OID = 25;
const UNKNOWN_OIDS = new Set([0, 705]);

export interface ClassifierContext {
  readonly oracle: CatalogOracle;
  readonly engine: EndpointSession;
  readonly session: SessionContext;
  readonly signal: AbortSignal;
}

/** @throws CausewayError whatever PostgreSQL or the engine says about the statement; 0A000 when it mixes both */
export async function classify(
  { oracle, engine, session, signal }: ClassifierContext,
  text: string,
  command: Command,
  oids: readonly number[],
): Promise<Prepared> {
  if (command.kind === 'show' || command.kind === 'set') {
    const { fields } = await oracle.facts(session, text, [], { signal });
    return { text, command, by: 'oracle', parameterOids: [], fields };
  }
  const facts = command.kind === 'engine' ? undefined : await factsOf(oracle, session, text, oids, signal);
  if (facts !== undefined && !(facts instanceof OracleError)) {
    if (!facts.readsUserRelations) return { text, command, by: 'oracle', ...facts };
    if (facts.readsCatalog) {
      throw new CausewayError(
        SQLSTATE.featureNotSupported,
        'one statement cannot read both silos and the system catalog',
        { hint: 'Read the catalog in a statement of its own.' },
      );
    }
  }
  const known = facts instanceof OracleError ? undefined : facts;
  let description: Awaited<ReturnType<EndpointSession['describe']>>;
  try {
    description = await engine.describe(text);
  } catch (error) {
    // About its own catalog PostgreSQL knows better what is wrong.
    if (facts instanceof OracleError && /\b(pg_|information_schema)/i.test(text)) throw facts;
    throw error;
  }
  const count = Math.max(description.parameters.length, known?.parameterOids.length ?? 0, oids.length);
  const parameterOids = Array.from({ length: count }, (_, i) => {
    const given = oids[i];
    if (given !== undefined && !UNKNOWN_OIDS.has(given)) return given;
    const type = description.parameters[i];
    if (type !== undefined && type.kind !== 'unknown') return oidOf(type);
    return known?.parameterOids[i] ?? TEXT_OID;
  });
  const fields = description.columns.length > 0 ? describeColumns(description.columns, known?.fields) : undefined;
  return { text, command, by: 'engine', parameterOids, fields };
}

async function factsOf(
  oracle: CatalogOracle,
  session: SessionContext,
  text: string,
  oids: readonly number[],
  signal: AbortSignal,
): Promise<StatementFacts | OracleError> {
  try {
    return await oracle.facts(session, text, oids, { signal });
  } catch (error) {
    if (error instanceof OracleError) return error;
    throw error;
  }
}
