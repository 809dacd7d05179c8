/** Statements whose answers were recorded from an independent emulator, so that our own server cannot drift from it. */

/** What is compared of an answer: the columns' types, and the rows as they are spelled. */
export interface Exchange {
  readonly sql: string;
  readonly types?: readonly string[];
  readonly rows?: readonly unknown[];
  /** The statement is refused. */
  readonly refused?: true;
}

export const RECORDED_STATEMENTS: readonly string[] = [
  'SELECT TRUE AS a, FALSE AS b, CAST(NULL AS BOOL) AS c',
  'SELECT 9007199254740993 AS a, -1 AS b, CAST(12.5 AS FLOAT64) AS c',
  "SELECT NUMERIC '1.50' AS a, NUMERIC '-99999999999999999999999999999.999999999' AS b, BIGNUMERIC '0.1234567891' AS c",
  String.raw`SELECT 'it\x27s a \\ and a "quote"' AS a, 'tab\tline\nend' AS b, '' AS c, 'äöü 漢字 🚀' AS d`,
  "SELECT DATE '2024-02-29' AS a, DATE '0001-01-01' AS b, DATE '9999-12-31' AS c",
  "SELECT TIME '12:34:56.789' AS a, TIME '00:00:00' AS b",
  "SELECT DATETIME '2024-02-29 23:59:59.999999' AS a, DATETIME '1970-01-01 00:00:00' AS b",
  "SELECT TIMESTAMP('2024-02-29 12:00:00', 'UTC') AS a, TIMESTAMP('1969-12-31 23:59:59', 'UTC') AS b",
  "SELECT FROM_HEX('deadbeef') AS a",
  'SELECT [1, 2] AS a, STRUCT(1 AS x, [TRUE] AS y) AS b',
  "SELECT DIV(-7, 2) AS a, MOD(-7, 2) AS b, SUBSTR('hello', 2, 3) AS c, TRIM('  x ', ' ') AS d",
  "SELECT EXTRACT(DAYOFWEEK FROM DATE '2024-02-29') AS a, EXTRACT(ISOWEEK FROM DATE '2024-02-29') AS b, DATETIME_TRUNC(DATETIME '2024-02-29 12:34:56', ISOWEEK) AS c",
  'SELECT 1 AS a UNION DISTINCT SELECT 1',
  '(SELECT NULL AS c1, NULL AS c2 LIMIT 0) UNION ALL SELECT 1, 2',
  'SELECT * FROM no_such_table',
  'SELECT no_such_column',
  'SELEC 1',
];

/** Runs the statements by the protocol alone, without a client library. */
export async function exchangesOf(
  url: string,
  project: string,
  dataset: string,
  location?: string,
): Promise<readonly Exchange[]> {
  const base = `${url}/bigquery/v2/projects/${project}`;
  const headers = { 'content-type': 'application/json' };
  const exchanges: Exchange[] = [];
  for (const [i, sql] of RECORDED_STATEMENTS.entries()) {
    const jobId = `exchange_${dataset}_${i}`;
    const defaultDataset = { projectId: project, datasetId: dataset };
    const configuration = { query: { query: sql, useLegacySql: false, defaultDataset } };
    const body = JSON.stringify({ jobReference: { projectId: project, jobId, location }, configuration });
    await fetch(`${base}/jobs`, { method: 'POST', headers, body });
    const answer = await fetch(
      `${base}/queries/${jobId}?formatOptions.useInt64Timestamp=true&location=${location ?? ''}`,
    );
    const { schema, rows } = (await answer.json()) as Answer;
    if (!answer.ok) exchanges.push({ sql, refused: true });
    else
      exchanges.push({
        sql,
        types: (schema?.fields ?? []).map(({ type, mode }) => `${type} ${mode === 'REPEATED' ? mode : ''}`.trim()),
        rows: rows ?? [],
      });
  }
  return exchanges;
}

interface Answer {
  readonly schema?: { readonly fields?: readonly { readonly type: string; readonly mode?: string }[] };
  readonly rows?: readonly unknown[];
}
