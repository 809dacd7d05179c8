/** Manifests are read by people: golden texts, and what must hold of each. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { snowflake } from '../../../connectors/snowflake/connector.ts';
import { readConfig } from '../config.ts';
import { bigqueryManifest } from './bigquery.ts';
import { kubernetesManifest } from './kubernetes.ts';
import type { ManifestInput } from './manifest.ts';
import { agentManifest } from './platforms.ts';
import { snowflakeManifest } from './snowflake.ts';

const POLICY = 'CREATE POLICY p ON berlin.readings ALLOW UPDATES (secure => true) TO mediator;\n';
const LOGIN = { account: 'org-acme', user: 'causeway', private_key: 'env:SNOWFLAKE_KEY' };

function input(connector: string, options: Readonly<Record<string, string>>): ManifestInput {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-manifest-'));
  writeFileSync(join(folder, 'policy.sql'), POLICY);
  const yaml = { silo: 'berlin', coordinator: 'coordinator.example:7443', connector, options, policy: 'policy.sql' };
  writeFileSync(join(folder, 'agent.yaml'), JSON.stringify(yaml));
  const config = readConfig(join(folder, 'agent.yaml'));
  return { config, image: 'registry.example/causeway:1', specs: snowflake.options, policy: POLICY };
}

const IN_SNOWFLAKE = input('snowflake', { ...LOGIN, database: 'sales', schema: 'public', warehouse: 'wh' });

/** Runs agent.yaml as the container would read it. */
function readBack(text: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-manifest-'));
  writeFileSync(join(folder, 'agent.yaml'), text);
  return readConfig(join(folder, 'agent.yaml'));
}

describe('snowflake', () => {
  const text = snowflakeManifest(IN_SNOWFLAKE);

  test('golden', async () => {
    await expect(text).toMatchFileSnapshot('./golden/snowflake.sql');
  });

  test('the specification names nothing but the agent, its state and its configuration', () => {
    const { spec } = parse(text.split('$$')[1]!);
    expect(spec.containers).toHaveLength(1);
    expect(spec.containers[0].volumeMounts.map(({ name }: { name: string }) => name).sort()).toEqual(
      spec.volumes.map(({ name }: { name: string }) => name).sort(),
    );
    expect(spec.endpoints).toBeUndefined();
  });

  test('the role reads, and does nothing else to the data', () => {
    const grants = text.split('\n').filter((line) => line.startsWith('GRANT') && line.includes('SALES.PUBLIC'));
    expect(grants.map((line) => line.split(' ')[1])).toEqual(['USAGE', 'SELECT', 'SELECT']);
  });

  test('agent.yaml is one, and logs in with the token of the service', () => {
    const lines = text.split('\n').filter((line) => line.startsWith('--    '));
    const config = readBack(lines.map((line) => line.slice(6)).join('\n'));
    expect(config).toMatchObject({
      silo: 'berlin',
      options: { oauth_token_path: '/snowflake/session/token', account: 'env:SNOWFLAKE_ACCOUNT' },
    });
    expect(text).not.toContain('SNOWFLAKE_KEY');
  });
});

describe('kubernetes', () => {
  const text = kubernetesManifest(input('postgres', { host: 'db', port: '5433', password: 'env:DB_PASSWORD' }));
  const documents = parseAllDocuments(text).map((each) => each.toJS());

  test('golden', async () => {
    await expect(text).toMatchFileSnapshot('./golden/kubernetes.yaml');
  });

  test('the pod has no rights, and nothing may come in', () => {
    const [account, , , deployment, network] = documents;
    expect(account).toMatchObject({ kind: 'ServiceAccount', automountServiceAccountToken: false });
    const { containers, securityContext } = deployment.spec.template.spec;
    expect(securityContext.runAsNonRoot).toBe(true);
    expect(containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(network.spec).toMatchObject({ policyTypes: ['Ingress', 'Egress'] });
    expect(network.spec.ingress).toBeUndefined();
    expect(network.spec.egress[1].ports.map(({ port }: { port: number }) => port)).toEqual([443, 5433, 7443]);
  });

  test('secrets come from a secret, policies from the owner’s file', () => {
    const [, map, , deployment] = documents;
    expect(map.data['policy.sql']).toBe(POLICY);
    expect(readBack(map.data['agent.yaml'])).toMatchObject({ options: { password: 'env:DB_PASSWORD' } });
    expect(deployment.spec.template.spec.containers[0].env.map(({ name }: { name: string }) => name)).toEqual([
      'DB_PASSWORD',
    ]);
  });
});

test('bigquery: golden, with a workload identity that may read one dataset', async () => {
  const text = bigqueryManifest(input('bigquery', { project: 'acme', dataset: 'sales' }));
  await expect(text).toMatchFileSnapshot('./golden/bigquery.yaml');
  const [account] = parseAllDocuments(text).map((each) => each.toJS());
  expect(account.metadata.annotations['iam.gke.io/gcp-service-account']).toBe(
    'causeway-agent@acme.iam.gserviceaccount.com',
  );
  expect(text.match(/roles\/bigquery\.\w+/g)).toEqual([
    'roles/bigquery.jobUser',
    'roles/bigquery.readSessionUser',
    'roles/bigquery.dataViewer',
  ]);
});

test('bigquery: jobs are paid for, and read sessions opened, in the billing project', () => {
  const text = bigqueryManifest(input('bigquery', { project: 'acme', dataset: 'sales', billing_project: 'payer' }));
  const projects = [...text.matchAll(/projects add-iam-policy-binding (\S+)/g)].map(([, project]) => project);
  expect(projects).toEqual(['payer', 'payer']);
});

test('the procedure of one training round: golden', async () => {
  const text = await agentManifest('snowpark', IN_SNOWFLAKE.config, '');
  await expect(text).toMatchFileSnapshot('./golden/snowpark.sql');
  expect(text.split('$$')).toHaveLength(3);
});

test('the functions of training inside BigQuery: golden', async () => {
  const text = await agentManifest('bigquery-udf', input('bigquery', { project: 'acme', dataset: 'sales' }).config, '');
  // The code itself is held against its source in operators/lstm/in-engine.
  const [before, code, after] = text.split('"""');
  const shown = [before, code!.replace(/[\s\S]*\n(?=return )/, '\n…\n'), after!.replace(/'[\w+/=]{1000,}'/, "'…'")];
  await expect(shown.join('"""')).toMatchFileSnapshot('./golden/bigquery-udf.sql');
  expect(text.split('"""')).toHaveLength(3);
});

test('a secret that agent.yaml holds itself is refused, not printed', () => {
  const open = input('snowflake', { ...LOGIN, private_key: 'MIIEv', database: 'sales' });
  expect(() => kubernetesManifest(open)).toThrow('holds the secret option "private_key" itself');
  expect(snowflakeManifest(open)).not.toContain('MIIEv');
});

test('an unknown platform names the nearest one', async () => {
  await expect(agentManifest('kubernets', IN_SNOWFLAKE.config, '')).rejects.toMatchObject({
    sqlstate: '22023',
    hint: expect.stringContaining('kubernetes'),
  });
});
