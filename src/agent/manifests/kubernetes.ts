/** Kubernetes: one pod without rights in the cluster, that may reach the coordinator, the silo and the name service. */
import { stringify } from 'yaml';
import {
  CONFIGURATION,
  commented,
  containerConfig,
  coordinatorOf,
  GENERATED,
  type ManifestInput,
  STATE,
  secretVariables,
} from './manifest.ts';

export interface KubernetesExtras {
  /** Annotations of the pod's identity: a cloud's workload identity. */
  readonly identity?: Readonly<Record<string, string>>;
  /** Ports that the silo is reached by, besides 443. */
  readonly ports?: readonly number[];
  /** Lines of text before the manifest. */
  readonly preface?: string;
}

/** A user that is none: the image needs no rights. */
const NOBODY = 65_532;

export function kubernetesManifest(
  input: ManifestInput,
  { identity, ports = [], preface }: KubernetesExtras = {},
): string {
  const { config, image } = input;
  const { port } = coordinatorOf(input);
  const label = `causeway-agent-${config.silo}`.toLowerCase().replace(/[^a-z0-9-]+/g, '-');
  const metadata = { name: label, labels: { app: label } };
  const variables = secretVariables(input);
  const egress = [...new Set([443, port, ...ports, ...siloPort(config.options)])].sort((a, b) => a - b);
  const fromSecret = (key: string, optional?: true) => ({
    secretKeyRef: { name: label, key, ...(optional ? { optional } : {}) },
  });
  const documents = [
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { ...metadata, ...(identity === undefined ? {} : { annotations: identity }) },
      automountServiceAccountToken: false,
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: {
        'agent.yaml': containerConfig(input),
        ...(input.policy === undefined ? {} : { 'policy.sql': input.policy }),
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata,
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: 1,
        // Two agents of one silo must not run side by side.
        strategy: { type: 'Recreate' },
        selector: { matchLabels: { app: label } },
        template: {
          metadata: { labels: { app: label } },
          spec: {
            serviceAccountName: label,
            automountServiceAccountToken: false,
            securityContext: {
              runAsNonRoot: true,
              runAsUser: NOBODY,
              fsGroup: NOBODY,
              seccompProfile: { type: 'RuntimeDefault' },
            },
            containers: [
              {
                name: 'agent',
                image,
                args: [
                  'agent',
                  '--config',
                  `${CONFIGURATION}/agent.yaml`,
                  '--code-file',
                  '/run/causeway/enrolment-code',
                ],
                ...(variables.length === 0
                  ? {}
                  : { env: variables.map((name) => ({ name, valueFrom: fromSecret(name) })) }),
                resources: { requests: { cpu: '1', memory: '2Gi' }, limits: { memory: '4Gi' } },
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ['ALL'] },
                },
                volumeMounts: [
                  { name: 'state', mountPath: STATE },
                  { name: 'configuration', mountPath: CONFIGURATION, readOnly: true },
                  { name: 'secret', mountPath: '/run/causeway', readOnly: true },
                  { name: 'scratch', mountPath: '/tmp' },
                ],
              },
            ],
            volumes: [
              { name: 'state', persistentVolumeClaim: { claimName: label } },
              { name: 'configuration', configMap: { name: label } },
              {
                name: 'secret',
                secret: { secretName: label, items: [{ key: 'enrolment-code', path: 'enrolment-code' }] },
              },
              { name: 'scratch', emptyDir: {} },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata,
      spec: {
        podSelector: { matchLabels: { app: label } },
        policyTypes: ['Ingress', 'Egress'],
        // Nothing may come in. Names are looked up, the coordinator and the silo are dialled.
        egress: [
          {
            ports: [
              { protocol: 'UDP', port: 53 },
              { protocol: 'TCP', port: 53 },
            ],
          },
          { ports: egress.map((each) => ({ protocol: 'TCP', port: each })) },
        ],
      },
    },
  ];
  const literals = ['enrolment-code', ...variables].map((key) => ` --from-literal=${key}=…`).join('');
  const comments = `${GENERATED}
The agent of silo ${config.silo}. Before it: kubectl create secret generic ${label}${literals}
(enrolment-code is what causeway silo enroll ${config.silo} prints.)${preface === undefined ? '' : `\n${preface}`}`;
  return `${commented(comments, '#')}\n${documents.map((each) => `---\n${stringify(each)}`).join('')}`;
}

/** The port option of a database. */
const siloPort = ({ port }: Readonly<Record<string, string>>): readonly number[] =>
  /^\d+$/.test(port ?? '') ? [Number(port)] : [];
