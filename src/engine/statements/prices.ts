/** ALTER SILO s SET (price_per_gb => 0.09, price_per_hour => 2): what a silo's bytes and seconds cost. */

import type { AlterSilo } from '../../sql/statements/statement.ts';
import { readOptions } from '../../sql/train/options.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';
import type { StatementContext } from '../session.ts';

/** In the currency of the user's choice, the same for all silos. */
const PRICES = {
  price_per_gb: { kind: 'number', min: 0, description: 'of 10⁹ bytes that leave the silo' },
  price_per_hour: { kind: 'number', min: 0, description: 'of an hour of its engine, or of training behind its agent' },
} as const;

/** @throws CausewayError 42704 for an unknown silo, 22023 for an option that is none or a price below zero */
export function alterSilo({ name, options }: AlterSilo, { engine, locate }: StatementContext): StatementResult {
  engine.silos.definition(name.value);
  const given = readOptions(`ALTER SILO ${name.value} SET`, PRICES, options, locate);
  engine.planner.model.configure(name.value, {
    ...(given.price_per_gb === undefined ? {} : { moneyPerByte: given.price_per_gb / 1e9 }),
    ...(given.price_per_hour === undefined ? {} : { moneyPerSecond: given.price_per_hour / 3600 }),
  });
  engine.changed();
  return done('ALTER SILO');
}
