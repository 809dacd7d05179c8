/** agent.yaml: what an agent is told by its owner. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';

const schema = z.strictObject({
  /** The name it enrolled with. */
  silo: z.string().min(1),
  /** host:port of causeway serve's agent port. */
  coordinator: z.string().regex(/:\d+$/, 'must be host:port'),
  /** http://[user:password@]host:port of a proxy that allows CONNECT. */
  proxy: z.url().optional(),
  /** Where key, certificate, ledger and journal are kept. */
  directory: z.string().default('./causeway-agent'),
  /** How the silo is reached from here; its credentials stay here. Values may be env:NAME. */
  connector: z.string(),
  options: z.record(z.string(), z.coerce.string()).default({}),
  /** CREATE POLICY statements; without it everything may leave that the coordinator asks for. */
  policy: z.string().optional(),
  /** ask: a job waits until its plan is approved with causeway agent approvals. */
  approval: z.enum(['automatic', 'ask']).default('automatic'),
  quotas: z
    .strictObject({
      rows: z.number().int().positive().optional(),
      seconds: z.number().positive().optional(),
      cpu: z.number().int().positive().optional(),
      row_bytes: z.number().int().positive().optional(),
    })
    .default({}),
});

export type AgentConfig = z.infer<typeof schema>;

/**
 * Reads the file; its relative paths are relative to it.
 * @throws CausewayError 22023 naming the file, the key and what it should be.
 */
export function readConfig(path: string): AgentConfig {
  let value: unknown;
  try {
    value = parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new CausewayError(SQLSTATE.undefinedFile, `the configuration ${path} cannot be read: ${messageOf(cause)}`);
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const place = issue?.path.join('.') ?? '';
    throw new CausewayError(
      SQLSTATE.invalidParameterValue,
      `${path}: ${place === '' ? '' : `${place}: `}${issue?.message}`,
      {
        hint: 'docs/agents.md shows every key.',
      },
    );
  }
  const at = (relative: string): string => resolve(dirname(path), relative);
  const { directory, policy, ...rest } = result.data;
  return { ...rest, directory: at(directory), ...(policy === undefined ? {} : { policy: at(policy) }) };
}
