/** The platforms that a manifest can be made for. */
import { readFileSync } from 'node:fs';
import { trainingFunctions } from '../../../connectors/bigquery/training/functions.ts';
import { connectorOf } from '../../../connectors/registry.ts';
import { trainingProcedure } from '../../../connectors/snowflake/training/procedure.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { AgentConfig } from '../config.ts';
import { bigqueryManifest } from './bigquery.ts';
import { kubernetesManifest } from './kubernetes.ts';
import type { ManifestInput } from './manifest.ts';
import { snowflakeManifest } from './snowflake.ts';

const WRITERS: Readonly<Record<string, (input: ManifestInput) => string>> = {
  snowflake: snowflakeManifest,
  bigquery: bigqueryManifest,
  kubernetes: (input) => kubernetesManifest(input),
  // Not the agent but one round's training, where no container may run.
  snowpark: ({ config }) => {
    const { database = 'DATABASE', schema = 'PUBLIC', role = 'CAUSEWAY' } = config.options;
    return trainingProcedure({ database, schema, role });
  },
  'bigquery-udf': ({ config }) => {
    const { project = 'PROJECT', dataset = 'DATASET' } = config.options;
    return trainingFunctions({ project, dataset });
  },
};

export const PLATFORMS: readonly string[] = Object.freeze(Object.keys(WRITERS));

/**
 * The text that makes a platform run the agent of this configuration.
 * @throws CausewayError 22023 for an unknown platform, or a secret that agent.yaml holds itself
 */
export async function agentManifest(platform: string, config: AgentConfig, image: string): Promise<string> {
  const write = Object.hasOwn(WRITERS, platform) ? WRITERS[platform] : undefined;
  if (write === undefined) {
    const hint = didYouMean(platform, PLATFORMS) ?? `It is one of ${PLATFORMS.join(', ')}.`;
    throw new CausewayError(SQLSTATE.invalidParameterValue, `there is no manifest for "${platform}"`, { hint });
  }
  const { options } = await connectorOf(config.connector);
  const policy = config.policy === undefined ? {} : { policy: readFileSync(config.policy, 'utf8') };
  return write({ config, image, specs: options, ...policy });
}
