/**
 * SQL that turns a fresh PGlite into the catalog oracle.
 *
 * PostgreSQL calls its built-in functions by number, so replacing one has an effect only where the new body is a single
 * SQL expression that the planner inlines; anything longer stands in a function of its own, `causeway_…`.
 */

/** SQLSTATE with which a function says that only the engine can answer it. */
export const ENGINE_ONLY = 'CW0EN';
/** SQLSTATE of the notice by which the oracle asks the endpoint to cancel or end another session. */
export const CONTROL_NOTICE = 'CW0CT';
/** PostgreSQL's. */
export const DEFAULT_SEARCH_PATH = '"$user", public';
export const DATABASE = 'causeway';
/** What every user is a member of. */
export const READER_ROLE = 'causeway_reader';

/** Functions that run SQL given as text, or read files: through them an empty mirror table could answer. */
const FORBIDDEN_FUNCTIONS = [
  'query_to_xml',
  'query_to_xmlschema',
  'query_to_xml_and_xmlschema',
  'cursor_to_xml',
  'cursor_to_xmlschema',
  'table_to_xml',
  'table_to_xmlschema',
  'table_to_xml_and_xmlschema',
  'schema_to_xml',
  'schema_to_xmlschema',
  'schema_to_xml_and_xmlschema',
  'database_to_xml',
  'database_to_xmlschema',
  'database_to_xml_and_xmlschema',
  'ts_stat',
  'ts_rewrite',
  'lo_import',
  'lo_export',
  'lo_create',
  'lo_creat',
  'lo_from_bytea',
  'lo_put',
  'pg_notify',
];

export const BOOTSTRAP = `
UPDATE pg_database SET datname = '${DATABASE}' WHERE datname = 'postgres';
CREATE ROLE ${READER_ROLE};
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE TEMPORARY, CREATE ON DATABASE ${DATABASE} FROM PUBLIC;
-- Our own functions stand among PostgreSQL's: a schema more would show in every tool's tree.
SET allow_system_table_mods = on;

CREATE FUNCTION pg_catalog.causeway_control(action text, pid integer) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN RAISE NOTICE USING ERRCODE = '${CONTROL_NOTICE}', MESSAGE = action || ' ' || pid; RETURN true; END $$;

-- One session's sleep must not hold up the others: the endpoint waits in its place.
CREATE FUNCTION pg_catalog.causeway_sleep(seconds double precision) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN RAISE NOTICE USING ERRCODE = '${CONTROL_NOTICE}', MESSAGE = 'sleep ' || seconds; END $$;

CREATE FUNCTION pg_catalog.causeway_relation_rows(relation oid) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT greatest(reltuples, 0)::bigint FROM pg_catalog.pg_class WHERE oid = relation $$;

DO $$ DECLARE f regprocedure; BEGIN
  FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
    AND (proname = ANY ('{${FORBIDDEN_FUNCTIONS.join(',')}}') OR proname LIKE 'pg_advisory%' OR proname LIKE 'pg_try_advisory%')
  LOOP EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f); END LOOP;
END $$;

-- UPDATE pg_settings is another spelling of set_config().
DROP RULE pg_settings_u ON pg_catalog.pg_settings;
CREATE OR REPLACE FUNCTION pg_catalog.pg_backend_pid() RETURNS integer LANGUAGE sql STABLE AS
  $$ SELECT coalesce(nullif(current_setting('causeway.pid', true), ''), '0')::integer $$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_cancel_backend(pid integer) RETURNS boolean LANGUAGE sql VOLATILE AS
  $$ SELECT pg_catalog.causeway_control('cancel', $1) $$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_terminate_backend(pid integer, timeout bigint DEFAULT 0) RETURNS boolean
  LANGUAGE sql VOLATILE AS $$ SELECT pg_catalog.causeway_control('terminate', $1) $$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_sleep(seconds double precision) RETURNS void LANGUAGE sql VOLATILE AS
  $$ SELECT pg_catalog.causeway_sleep($1) $$;
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT 'PostgreSQL ' || current_setting('server_version') || ' (Causeway)' $$;
-- The sessions of the endpoint, which it gives as JSON in a setting of its own.
CREATE OR REPLACE VIEW pg_catalog.pg_stat_activity AS
  SELECT d.oid AS datid, d.datname, s.pid, NULL::integer AS leader_pid, r.oid AS usesysid, s.usename,
    s.application_name, s.client_addr::inet AS client_addr, NULL::text AS client_hostname, s.client_port,
    s.backend_start, s.xact_start, s.query_start, s.state_change, NULL::text AS wait_event_type,
    NULL::text AS wait_event, s.state, NULL::xid AS backend_xid, NULL::xid AS backend_xmin, NULL::bigint AS query_id,
    s.query, 'client backend'::text AS backend_type
  FROM json_to_recordset(coalesce(nullif(current_setting('causeway.activity', true), ''), '[]')::json) AS s(
    pid integer, usename name, application_name text, client_addr text, client_port integer, backend_start timestamptz,
    xact_start timestamptz, query_start timestamptz, state_change timestamptz, state text, query text)
  LEFT JOIN pg_database d ON d.datname = current_database()
  LEFT JOIN pg_roles r ON r.rolname = s.usename;
-- Row estimates of tables without rows: BI tools look here.
DO $$ BEGIN
  EXECUTE 'CREATE OR REPLACE VIEW pg_catalog.pg_stat_all_tables AS '
    || replace(pg_get_viewdef('pg_catalog.pg_stat_all_tables'::regclass), 'pg_stat_get_live_tuples(c.oid)',
      'pg_catalog.causeway_relation_rows(c.oid)');
END $$;
RESET allow_system_table_mods;
`;
