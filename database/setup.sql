-- Roles, schemas and rights of the database: run by psql (15 or later) as a login that may make roles and databases,
-- by scripts/stack on one machine and by the chart's Job database-setup in a cluster. Running it again changes nothing
-- but the passwords it is given.
--
-- Per service: a role that owns the schema and migrates it, a role with the rights to use it, and two logins that take
-- turns, so that a password is changed without a pause. PUBLIC has no rights anywhere.
--
-- Variables: `database`, its name (todo); and for each login a variable of its name with its password:
-- <schema>_owner, <schema>_a, <schema>_b, dapr_state. A login without one keeps the password it has, or has none.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
\if :{?database}
\else
\set database todo
\endif

SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8''', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec
-- what is common to all databases of the server is ours only where the server is
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname)
FROM pg_database
WHERE datname IN ('postgres', 'template1')
  AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
\gexec
\connect :"database"
SET client_min_messages = warning;

BEGIN;
-- two at once would both find a role missing
SELECT pg_advisory_xact_lock(hashtextextended('todo.setup', 0)) \g /dev/null

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
-- on a database made by others the schema public may be theirs
SELECT 'REVOKE ALL ON SCHEMA public FROM PUBLIC'
WHERE EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public' AND pg_has_role(nspowner, 'USAGE'))
\gexec

CREATE TEMP TABLE service (name text) ON COMMIT DROP;
INSERT INTO service VALUES ('backend'), ('recurring_task'), ('notification'), ('audit');

SELECT format('CREATE ROLE %I %s', wanted.name, wanted.kind)
FROM (
    SELECT name, 'NOLOGIN' AS kind FROM service
    UNION ALL
    SELECT name || '_' || ending, 'LOGIN' FROM service, unnest(ARRAY['owner', 'a', 'b']) AS ending
    UNION ALL
    SELECT 'dapr_state', 'LOGIN'
) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name)
\gexec
-- who is no superuser acts for the owners as their member
SELECT format('GRANT %I TO CURRENT_USER', owner)
FROM (SELECT name || '_owner' AS owner FROM service UNION ALL SELECT 'dapr_state') AS owners
WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
\gexec

SELECT format('GRANT CONNECT ON DATABASE %I TO %I', :'database', rolname)
FROM pg_roles
WHERE rolname = 'dapr_state'
   OR rolname IN (SELECT name || '_' || ending FROM service, unnest(ARRAY['owner', 'a', 'b']) AS ending)
\gexec

-- schemas, and what whoever uses one may do with what its owner makes
SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', name, name || '_owner') FROM service
\gexec
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', name, name) FROM service
\gexec
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE ALL ON %s FROM PUBLIC', name || '_owner', kind)
FROM service, unnest(ARRAY['TABLES', 'SEQUENCES', 'FUNCTIONS', 'TYPES']) AS kind
\gexec
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT %s ON %s TO %I', name || '_owner', name, rights, kind, name)
FROM service,
    (VALUES ('SELECT, INSERT, UPDATE, DELETE', 'TABLES'), ('USAGE, SELECT', 'SEQUENCES'), ('EXECUTE', 'FUNCTIONS'),
            ('USAGE', 'TYPES')) AS allowed (rights, kind)
\gexec
SELECT format('GRANT %I TO %I', name, name || '_' || ending) FROM service, unnest(ARRAY['a', 'b']) AS ending
\gexec
SELECT format('ALTER ROLE %I SET search_path = %I', name || '_' || ending, name)
FROM service, unnest(ARRAY['owner', 'a', 'b']) AS ending
\gexec

CREATE SCHEMA IF NOT EXISTS dapr_state AUTHORIZATION dapr_state;
ALTER ROLE dapr_state SET search_path = dapr_state;

-- passwords
\if :{?backend_owner}
ALTER ROLE backend_owner LOGIN PASSWORD :'backend_owner';
\endif
\if :{?backend_a}
ALTER ROLE backend_a LOGIN PASSWORD :'backend_a';
\endif
\if :{?backend_b}
ALTER ROLE backend_b LOGIN PASSWORD :'backend_b';
\endif
\if :{?recurring_task_owner}
ALTER ROLE recurring_task_owner LOGIN PASSWORD :'recurring_task_owner';
\endif
\if :{?recurring_task_a}
ALTER ROLE recurring_task_a LOGIN PASSWORD :'recurring_task_a';
\endif
\if :{?recurring_task_b}
ALTER ROLE recurring_task_b LOGIN PASSWORD :'recurring_task_b';
\endif
\if :{?notification_owner}
ALTER ROLE notification_owner LOGIN PASSWORD :'notification_owner';
\endif
\if :{?notification_a}
ALTER ROLE notification_a LOGIN PASSWORD :'notification_a';
\endif
\if :{?notification_b}
ALTER ROLE notification_b LOGIN PASSWORD :'notification_b';
\endif
\if :{?audit_owner}
ALTER ROLE audit_owner LOGIN PASSWORD :'audit_owner';
\endif
\if :{?audit_a}
ALTER ROLE audit_a LOGIN PASSWORD :'audit_a';
\endif
\if :{?audit_b}
ALTER ROLE audit_b LOGIN PASSWORD :'audit_b';
\endif
\if :{?dapr_state}
ALTER ROLE dapr_state LOGIN PASSWORD :'dapr_state';
\endif
COMMIT;
