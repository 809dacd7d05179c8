/** Asks a silo to run one fragment; whatever goes wrong, the error names the silo. */
import type { RecordBatch } from 'apache-arrow';
import type {
  BatchResult,
  FragmentResult,
  Fragment as Request,
  ResultColumn,
  Silo,
} from '../../../connectors/connector.ts';
import type { Fragment, Site } from '../../../optimizer/physical.ts';
import { CausewayError, messageOf, SQLSTATE } from '../../plan/errors.ts';
import type { RelationalNode } from '../../plan/nodes.ts';

/**
 * @param plan the subtree that `request` was made from
 * @param rows how many are expected, where that is known
 * @param parameters for a statement that comes again, whose parameters stand beside it
 */
export function requestTo(
  request: Fragment['request'],
  plan: RelationalNode,
  columns: readonly ResultColumn[],
  rows?: number,
  parameters?: readonly (string | null)[],
): Request {
  if (request.kind === 'scan') return { ...request, plan };
  const { text } = request;
  const sql = { kind: 'sql' as const, text, columns, ...(rows === undefined ? {} : { rows }) };
  return parameters === undefined ? { ...sql, plan } : { ...sql, parameters };
}

/**
 * The silo's answer, with errors that name the silo: those of asking and those in the middle of the stream.
 * @param onNotice what the silo has to tell the user
 */
export async function runAt(
  silo: Silo,
  site: Site,
  request: Request,
  signal: AbortSignal,
  onNotice: ((message: string) => void) | undefined,
): Promise<FragmentResult> {
  try {
    const result = await silo.run(request, signal);
    return result.kind === 'batches' ? { ...result, batches: named(result, site, onNotice) } : result;
  } catch (thrown) {
    throw errorOf(thrown, site);
  }
}

async function* named(
  { batches, notices }: BatchResult,
  site: Site,
  onNotice: ((message: string) => void) | undefined,
): AsyncGenerator<RecordBatch> {
  try {
    yield* batches;
    for (const message of notices?.() ?? []) onNotice?.(`silo "${site}": ${message}`);
  } catch (thrown) {
    throw errorOf(thrown, site);
  }
}

/** The error as one of the silo `site`; cancellation stays what it is. */
function errorOf(thrown: unknown, site: Site): CausewayError {
  if (thrown instanceof CausewayError) {
    if (thrown.silo !== undefined || thrown.sqlstate === SQLSTATE.queryCanceled) return thrown;
    return new CausewayError(thrown.sqlstate, thrown.message, {
      silo: site,
      cause: thrown,
      ...(thrown.detail === undefined ? {} : { detail: thrown.detail }),
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    });
  }
  return new CausewayError(SQLSTATE.connectionFailure, `the silo "${site}" failed: ${messageOf(thrown)}`, {
    silo: site,
    hint: 'Check that the silo is up and reachable, then run the statement again.',
    cause: thrown,
  });
}

/** The query of a fragment that runs at the mediator. */
export function textOf({ request, id }: Fragment): string {
  if (request.kind === 'sql') return request.text;
  throw new CausewayError(SQLSTATE.internalError, `fragment ${id} of the mediator is not a query`);
}
