/** An agent from its configuration: identity, engine with one silo, owner's policy, ledger, link. */
import { join } from 'node:path';
import { residualStore } from '../../operators/aggregate/compression/residuals.ts';
import { privacyLedger } from '../../operators/aggregate/privacy/ledger.ts';
import { noiseKey } from '../../operators/aggregate/privacy/noise-key.ts';
import { cohortLedger } from '../../operators/aggregate/secure/cohort-ledger.ts';
import { Engine } from '../engine/engine.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import { Agent } from './agent.ts';
import type { AgentConfig } from './config.ts';
import { EgressGate } from './egress-gate.ts';
import { EgressLedger } from './egress-ledger.ts';
import { headStore } from './head-store.ts';
import { enrol, type Identity, loadIdentity } from './identity.ts';
import { JobBook } from './job.ts';
import { AgentMethods } from './methods.ts';
import { OwnerPolicy } from './owner-policy.ts';
import { PayloadStore } from './payload-store.ts';
import { openState } from './state-file.ts';

export interface RunAgentOptions {
  /** One-time enrolment code; needed when the agent starts for the first time. */
  readonly code?: string;
  readonly version: string;
  readonly log: (event: string, details?: Record<string, unknown>) => void;
}

/** The file in an agent's directory that holds its ledger and its jobs. */
export const agentState = (directory: string): string => join(directory, 'agent.db');

/**
 * Serves until `signal` is aborted.
 * @throws CausewayError when it cannot enrol, cannot reach its silo, its policy is wrong, or the coordinator refuses it.
 */
export async function runAgent(config: AgentConfig, options: RunAgentOptions, signal: AbortSignal): Promise<void> {
  const { approval, connector, coordinator, directory, policy, proxy, quotas, silo } = config;
  const { code, log, version } = options;
  const address = { coordinator, ...(proxy === undefined ? {} : { proxy }) };
  const owner = policy === undefined ? new OwnerPolicy(silo, []) : OwnerPolicy.load(silo, policy);
  if (policy === undefined) log('no policy: everything may leave that the coordinator asks for');
  const identity = loadIdentity(directory) ?? (await firstIdentity(config, code, address));
  await using engine = await Engine.open({ directory: join(directory, 'engine') });
  // The configuration is the truth, whatever an earlier start has kept.
  engine.catalog.silos.remove(silo);
  engine.catalog.silos.put({ name: silo, kind: connector, options: config.options });
  // A silo that does not answer is the owner's first concern, before anybody asks for it.
  await engine.silos.open(silo);
  const db = openState(agentState(directory));
  // A forgotten cohort would reveal an update, a forgotten charge spend privacy twice: no power cut may take them.
  const secrets = openState(join(directory, 'secrets.db'), true);
  try {
    const ledger = new EgressLedger(db);
    const gate = new EgressGate(silo, ledger);
    const { cpu, row_bytes: rowBytes, rows, seconds } = quotas;
    await using methods = new AgentMethods({
      silo,
      kind: connector,
      engine,
      policy: await owner.over(engine.silos, signal),
      gate,
      jobs: new JobBook(db),
      quotas: {
        ...(rows === undefined ? {} : { rows }),
        ...(seconds === undefined ? {} : { seconds }),
        ...(cpu === undefined ? {} : { cpu }),
        ...(rowBytes === undefined ? {} : { rowBytes }),
      },
      needsApproval: approval === 'ask',
      signingKey: identity.signingKey,
      identity: identity.key,
      cohorts: cohortLedger(secrets),
      privacyLedger: privacyLedger(secrets),
      noiseKey: noiseKey(secrets),
      residuals: residualStore(secrets),
      heads: headStore(secrets),
      log,
    });
    const payloads = new PayloadStore(join(directory, 'payloads'));
    const agent = new Agent({
      ...address,
      directory,
      identity,
      methods: methods.methods,
      ledger,
      gate,
      payloads,
      version,
      log,
    });
    await agent.run(signal);
  } finally {
    db.close();
    secrets.close();
  }
}

async function firstIdentity(
  { directory, silo }: AgentConfig,
  code: string | undefined,
  address: { coordinator: string; proxy?: string },
): Promise<Identity> {
  if (code === undefined) {
    throw new CausewayError(SQLSTATE.invalidPassword, `the agent of silo ${silo} is not enrolled`, {
      silo,
      hint: `At the coordinator: causeway silo enroll ${silo}. Then here: causeway agent --config … --code CODE.`,
    });
  }
  return enrol(directory, code, address);
}
