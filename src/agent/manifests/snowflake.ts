/** Snowpark Container Services: a service beside the tables, under a role that may read one schema and dial one address. */
import { stringify } from 'yaml';
import {
  CONFIGURATION,
  commented,
  containerConfig,
  coordinatorOf,
  GENERATED,
  type ManifestInput,
  STATE,
} from './manifest.ts';

/** Names as the owner wrote them, or in quotes where they need them. */
const name = (text: string): string =>
  /^[A-Za-z_][\w$]*$/.test(text) ? text.toUpperCase() : `"${text.replaceAll('"', '""')}"`;

export function snowflakeManifest(input: ManifestInput): string {
  const { config, image } = input;
  const { database = 'DATABASE', schema = 'PUBLIC', warehouse = 'WAREHOUSE' } = config.options;
  const coordinator = coordinatorOf(input);
  const role = name(`causeway_agent_${config.silo}`);
  const home = `${name(database)}.CAUSEWAY`;
  const tables = `${name(database)}.${name(schema)}`;
  // Inside a service Snowflake itself gives a login: a token in a file, and its own address.
  const options = {
    account: 'env:SNOWFLAKE_ACCOUNT',
    url: 'env:SNOWFLAKE_HOST',
    oauth_token_path: '/snowflake/session/token',
    ...{ database, schema, warehouse },
  };
  const specification = stringify({
    spec: {
      containers: [
        {
          name: 'agent',
          image,
          args: ['agent', '--config', `${CONFIGURATION}/agent.yaml`, '--code-file', '/run/causeway/secret_string'],
          resources: { requests: { cpu: 1, memory: '2Gi' }, limits: { cpu: 2, memory: '4Gi' } },
          volumeMounts: [
            { name: 'state', mountPath: STATE },
            { name: 'configuration', mountPath: CONFIGURATION },
          ],
          secrets: [{ snowflakeSecret: `${home}.ENROLMENT_CODE`, directoryPath: '/run/causeway' }],
        },
      ],
      volumes: [
        { name: 'state', source: 'block', size: '10Gi' },
        { name: 'configuration', source: `@${home}.CONFIGURATION` },
      ],
    },
  });
  return `-- ${GENERATED}
-- The agent of silo ${config.silo} as a service in the account: rows stay in Snowflake, only what its policy allows goes to ${config.coordinator}.
-- Run as ACCOUNTADMIN, or as roles that may create each of these.

-- The role owns the service and reads one schema; it is granted to nobody.
CREATE ROLE IF NOT EXISTS ${role};
GRANT USAGE ON DATABASE ${name(database)} TO ROLE ${role};
GRANT USAGE ON SCHEMA ${tables} TO ROLE ${role};
GRANT SELECT ON ALL TABLES IN SCHEMA ${tables} TO ROLE ${role};
GRANT SELECT ON FUTURE TABLES IN SCHEMA ${tables} TO ROLE ${role};
GRANT USAGE ON WAREHOUSE ${name(warehouse)} TO ROLE ${role};

CREATE SCHEMA IF NOT EXISTS ${home};
GRANT USAGE, CREATE SERVICE ON SCHEMA ${home} TO ROLE ${role};
CREATE IMAGE REPOSITORY IF NOT EXISTS ${home}.IMAGES;
GRANT READ ON IMAGE REPOSITORY ${home}.IMAGES TO ROLE ${role};
CREATE COMPUTE POOL IF NOT EXISTS CAUSEWAY_AGENT MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S AUTO_SUSPEND_SECS = 3600;
GRANT USAGE ON COMPUTE POOL CAUSEWAY_AGENT TO ROLE ${role};

-- The one address outside that the agent may dial.
CREATE OR REPLACE NETWORK RULE ${home}.COORDINATOR MODE = EGRESS TYPE = HOST_PORT VALUE_LIST = ('${coordinator.host}:${coordinator.port}');
CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION CAUSEWAY_COORDINATOR ALLOWED_NETWORK_RULES = (${home}.COORDINATOR) ENABLED = TRUE;
GRANT USAGE ON INTEGRATION CAUSEWAY_COORDINATOR TO ROLE ${role};

-- The code of: causeway silo enroll ${config.silo}
CREATE SECRET IF NOT EXISTS ${home}.ENROLMENT_CODE TYPE = GENERIC_STRING SECRET_STRING = '<the one-time code>';
GRANT READ ON SECRET ${home}.ENROLMENT_CODE TO ROLE ${role};

-- Put these on the stage: agent.yaml as below${config.policy === undefined ? '' : ', and policy.sql'}.
CREATE STAGE IF NOT EXISTS ${home}.CONFIGURATION ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE');
GRANT READ ON STAGE ${home}.CONFIGURATION TO ROLE ${role};
${commented(containerConfig(input, options), '--   ')}

USE ROLE ${role};
CREATE SERVICE IF NOT EXISTS ${home}.${name(`agent_${config.silo}`)}
  IN COMPUTE POOL CAUSEWAY_AGENT
  EXTERNAL_ACCESS_INTEGRATIONS = (CAUSEWAY_COORDINATOR)
  QUERY_WAREHOUSE = ${name(warehouse)}
  MIN_INSTANCES = 1 MAX_INSTANCES = 1
  FROM SPECIFICATION $$
${specification.trimEnd()}
$$;
`;
}
