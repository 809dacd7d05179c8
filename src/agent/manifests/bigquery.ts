/** Google Cloud: the Kubernetes manifest under a workload identity that may read one dataset, or a Cloud Run worker pool. */
import { stringify } from 'yaml';
import { kubernetesManifest } from './kubernetes.ts';
import { CONFIGURATION, commented, GENERATED, type ManifestInput, STATE } from './manifest.ts';

/** What the agent needs, and no more: start jobs, read one dataset, read results through the Storage API. */
const rolesText = (
  project: string,
  dataset: string,
  payer: string,
  account: string,
): string => `gcloud iam service-accounts create causeway-agent --project=${project}
gcloud projects add-iam-policy-binding ${payer} --member=serviceAccount:${account} --role=roles/bigquery.jobUser
gcloud projects add-iam-policy-binding ${payer} --member=serviceAccount:${account} --role=roles/bigquery.readSessionUser
bq add-iam-policy-binding --member=serviceAccount:${account} --role=roles/bigquery.dataViewer ${project}:${dataset}
gcloud iam service-accounts add-iam-policy-binding ${account} --role=roles/iam.workloadIdentityUser \\
  --member="serviceAccount:${project}.svc.id.goog[NAMESPACE/SERVICE-ACCOUNT-BELOW]"`;

export function bigqueryManifest(input: ManifestInput): string {
  const { config, image } = input;
  const { project = 'PROJECT', dataset = 'DATASET' } = config.options;
  const { billing_project: payer = project } = config.options;
  const account = `causeway-agent@${project}.iam.gserviceaccount.com`;
  const preface = `Its rights, once:\n${rolesText(project, dataset, payer, account)}`;
  const identity = { 'iam.gke.io/gcp-service-account': account };
  const label = `causeway-agent-${config.silo}`.toLowerCase().replace(/[^a-z0-9-]+/g, '-');
  const pool = {
    apiVersion: 'run.googleapis.com/v1',
    kind: 'WorkerPool',
    metadata: {
      name: label,
      annotations: { 'run.googleapis.com/scalingMode': 'manual', 'run.googleapis.com/manualInstanceCount': '1' },
    },
    spec: {
      template: {
        spec: {
          serviceAccountName: account,
          containers: [
            {
              image,
              args: ['agent', '--config', `${CONFIGURATION}/agent.yaml`, '--code-file', '/run/causeway/enrolment-code'],
              resources: { limits: { cpu: '2', memory: '4Gi' } },
              volumeMounts: [
                { name: 'state', mountPath: STATE },
                { name: 'configuration', mountPath: CONFIGURATION },
                { name: 'code', mountPath: '/run/causeway' },
              ],
            },
          ],
          volumes: [
            // The ledger and the key must outlive the instance; one instance alone writes there.
            {
              name: 'state',
              csi: { driver: 'gcsfuse.run.googleapis.com', volumeAttributes: { bucketName: `${label}-state` } },
            },
            { name: 'configuration', secret: { secretName: label, items: [{ key: 'latest', path: 'agent.yaml' }] } },
            {
              name: 'code',
              secret: { secretName: `${label}-code`, items: [{ key: 'latest', path: 'enrolment-code' }] },
            },
          ],
        },
      },
    },
  };
  const cloudRun = `${GENERATED}
Instead of a cluster, as a Cloud Run worker pool (gcloud run worker-pools replace FILE), with agent.yaml as the secret ${label}:
${stringify(pool)}`;
  return `${kubernetesManifest(input, { identity, preface })}---\n${commented(cloudRun, '#')}\n`;
}
