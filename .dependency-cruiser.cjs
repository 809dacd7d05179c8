// The architecture as a rule: imports point one way only (docs/design.md §2).
// plan <- connectors <- optimizer, operators <- engine <- endpoint, agent, cli

/** A layer may not import any of the folders in `to`. */
const forbid = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: to },
});

module.exports = {
  forbidden: [
    forbid(
      'plan-is-the-bottom',
      '^src/plan/',
      '^(src/(?!plan/)|connectors|optimizer|operators)',
      'src/plan imports nothing of ours',
    ),
    forbid(
      'connectors-know-the-plan',
      '^connectors/',
      '^(src/(?!plan/)|optimizer|operators)',
      'a connector imports the plan vocabulary only',
    ),
    forbid(
      'operators-below-the-engine',
      '^operators/',
      '^(src/(?!plan/)|optimizer)',
      'operators import the plan and the connector interface',
    ),
    forbid(
      'optimizer-below-the-engine',
      '^optimizer/',
      '^(src/(?!plan/)|operators)',
      'the optimizer imports the plan and the connector interface',
    ),
    forbid(
      'sql-binds-to-the-plan',
      '^src/sql/',
      '^(src/(engine|agent|endpoint|cli)/|optimizer|operators)',
      'src/sql turns text into a plan',
    ),
    forbid(
      'catalog-is-storage',
      '^src/catalog/',
      '^(src/(sql|engine|agent|endpoint|cli)/|optimizer|operators)',
      'the catalog stores; it decides nothing',
    ),
    forbid(
      'engine-below-the-front-doors',
      '^src/engine/',
      '^src/(agent|endpoint|cli)/',
      'the engine knows no front door',
    ),
    forbid(
      'front-doors-apart',
      '^src/endpoint/',
      '^src/(cli|agent)/',
      'the endpoint does not know the other front doors',
    ),
    {
      name: 'connectors-apart',
      severity: 'error',
      comment:
        'a connector never imports another connector: what several share stands in connectors/ itself, in duckdb-engine or in postgres-language',
      from: { path: '^connectors/([^/]+)/' },
      to: { path: '^connectors/([^/]+)/', pathNot: '^connectors/($1|duckdb-engine|postgres-language)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-tests-in-product',
      severity: 'error',
      from: { pathNot: '\\.test\\.ts$|conformance|^test/' },
      to: { path: '\\.test\\.ts$|^test/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'assembly/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'], conditionNames: ['import', 'node', 'types'] },
  },
};
