/** Which fragments are read in parts over several connections, and the text of a part. */
import { availableParallelism } from 'node:os';
import type { SplitRequest } from '../../../connectors/connector.ts';
import type { OptimizerContext } from '../../../optimizer/context.ts';
import { requestOf } from '../../../optimizer/fragments/cut.ts';
import type { Fragment } from '../../../optimizer/physical.ts';
import { unparse } from '../../../optimizer/unparse/unparse.ts';
import { node, type RelationalNode, type Scan } from '../../plan/nodes.ts';
import { expressionsOf, hasSubquery, transformPlan } from '../../plan/traverse.ts';

/** Fewer rows come sooner over one connection than others are begun; with these the server is busy for a second or so. */
const WORTH_ROWS = 500_000;

/** More would only wait for the one thread that decodes. */
const MOST_CONNECTIONS = 4;

/** How to read the fragment in parts; undefined where one connection is as good, or the silo cannot. */
export function splitOf(
  fragment: Pick<Fragment, 'plan' | 'site' | 'rows'>,
  context: OptimizerContext,
  cores = availableParallelism(),
): SplitRequest | undefined {
  const facts = context.silos.get(fragment.site);
  const { dialect, splits, maxConnections = 1 } = facts?.capabilities ?? {};
  const connections = Math.min(MOST_CONNECTIONS, maxConnections, cores);
  if (splits !== true || dialect === undefined || facts?.remote === true || connections < 2) return undefined;
  if ((fragment.rows ?? 0) < WORTH_ROWS) return undefined;
  const scan = scanOf(fragment.plan);
  if (scan === undefined) return undefined;
  const textFor = (predicate: string): string => {
    const plan = transformPlan(fragment.plan, (each) => (each.kind === 'scan' ? partOf(each, predicate) : each));
    const request = requestOf(plan, fragment.site, context);
    return request.kind === 'sql' ? request.text : '';
  };
  const partOf = (whole: Scan, predicate: string): RelationalNode =>
    node({
      kind: 'native-query',
      silo: whole.silo,
      text: `${unparse(whole, dialect)} WHERE ${predicate}`,
      columns: whole.columns,
    });
  const { schema, table } = scan;
  return { table: schema === undefined ? { table } : { schema, table }, connections, textFor };
}

/** The only table of a plan that takes each of its rows by itself. */
function scanOf(plan: RelationalNode): Scan | undefined {
  switch (plan.kind) {
    case 'scan':
      return plan;
    case 'filter':
    case 'project':
      return expressionsOf(plan).some(hasSubquery) ? undefined : scanOf(plan.input);
    default:
      return undefined;
  }
}
