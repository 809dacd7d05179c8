/** CREATE SILO, DROP SILO, SHOW SILOS. */
import type { OptionSpec } from '../../../connectors/connector.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import type { SiloDefinition } from '../../catalog/silos.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { CreateSilo } from '../../sql/statements/statement.ts';
import type { Engine } from '../engine.ts';
import type { StatementResult } from '../result.ts';
import { columnsOf, done, rowsResult } from '../rows.ts';

/** Names that a silo cannot have: schemas of our own, and the mediator's as a site. */
const RESERVED = ['public', 'causeway', 'ml', MEDIATOR, 'pg_catalog', 'information_schema'];

/** Connects before anything is stored: a silo that does not answer is not created. */
export async function createSilo(engine: Engine, statement: CreateSilo, signal: AbortSignal): Promise<StatementResult> {
  const name = statement.name.value;
  if (engine.catalog.silos.get(name) !== undefined) {
    if (statement.ifNotExists) return done('CREATE SILO');
    throw new CausewayError(SQLSTATE.duplicateObject, `there is a silo "${name}" already`, {
      hint: `DROP SILO ${name} first, or use CREATE SILO IF NOT EXISTS.`,
    });
  }
  if (RESERVED.includes(name)) {
    throw new CausewayError(SQLSTATE.duplicateObject, `"${name}" is a name of Causeway's own`, {
      hint: 'Give the silo another name.',
    });
  }
  const options: Record<string, string> = {};
  for (const option of statement.options) options[option.name.value] = String(option.value.value ?? '');
  const definition: SiloDefinition = { name, kind: statement.connector.value, options };
  const { silo } = await engine.silos.connect(definition, signal);
  await silo[Symbol.asyncDispose]();
  engine.catalog.silos.put(definition);
  engine.changed();
  return done('CREATE SILO');
}

export async function dropSilo(engine: Engine, name: string, ifExists: boolean): Promise<StatementResult> {
  if (!ifExists) engine.silos.definition(name);
  const user = engine.catalog.federatedTables.list().find(({ members }) => members.some(({ silo }) => silo === name));
  if (user !== undefined) {
    throw new CausewayError(SQLSTATE.objectInUse, `silo "${name}" is part of the federated table "${user.name}"`, {
      hint: `DROP FEDERATED TABLE ${user.name} first.`,
    });
  }
  const { policies } = engine.catalog;
  const policy = [...policies.list(), ...policies.restrictions()].find(({ silo }) => silo === name);
  if (policy !== undefined) {
    throw new CausewayError(SQLSTATE.objectInUse, `silo "${name}" has the policy "${policy.name}"`, {
      hint: `DROP POLICY ${policy.name} first.`,
    });
  }
  await engine.silos.close(name);
  engine.planner.forget(name);
  engine.catalog.silos.remove(name);
  engine.changed();
  return done('DROP SILO');
}

export async function showSilos(engine: Engine): Promise<StatementResult> {
  const rows = await Promise.all(
    engine.catalog.silos.list().map(async ({ name, kind, options }) => {
      const { options: specs } = await engine.loadConnector(kind);
      return [name, kind, redact(options, specs)];
    }),
  );
  return rowsResult('SHOW SILOS', columnsOf({ name: 'text', kind: 'text', options: 'text' }), rows);
}

/** A secret option that is a URL is shown but for the password inside; any other secret is shown as `***`. */
export function redact(options: Readonly<Record<string, string>>, specs: readonly OptionSpec[]): string {
  return Object.entries(options)
    .map(([name, value]) => {
      const isSecret = specs.find((spec) => spec.name === name)?.secret === true && !value.startsWith('env:');
      const isUrl = /^[a-z][a-z0-9+]*:\/\/[^?#]*$/.test(value);
      return `${name} '${isSecret && !isUrl ? '***' : value.replace(/(:\/\/[^:/@]*:).*@/, '$1***@')}'`;
    })
    .join(', ');
}
