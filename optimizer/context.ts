/** What the optimizer knows about the world around a plan. */
import type { Capabilities } from '../connectors/capabilities.ts';
import type { RelationalNode } from '../src/plan/nodes.ts';
import type { UnderWay } from './physical.ts';

export interface SiloFacts {
  readonly capabilities: Capabilities;
  /** Identity of server, database and role (connectors/connector.ts). */
  readonly context: string;
  /** True behind an agent, which is sent plans and writes the text itself. */
  readonly remote?: true;
}

export interface OptimizerContext {
  /** Every silo that the plan reads, by name. */
  readonly silos: ReadonlyMap<string, SiloFacts>;
  /** `off`: silos are asked for whole tables, everything else runs at the mediator (`SET causeway.pushdown`). */
  readonly pushdown: 'on' | 'off';
  /** Estimated rows of a plan, or undefined where nothing is known. */
  readonly rows?: (plan: RelationalNode) => number | undefined;
  /** Present when a statement that is running is planned anew. */
  readonly underWay?: UnderWay;
}
