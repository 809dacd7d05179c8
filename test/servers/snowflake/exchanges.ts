/** Statements whose answers were recorded from an independent emulator, so that our own server cannot drift from it. */

/** What is compared of an answer: the columns' types, and the rows as they are spelled. */
export interface Exchange {
  readonly sql: string;
  readonly types?: readonly string[];
  readonly rowset?: readonly (readonly (string | null)[])[];
  /** The number of an error. */
  readonly code?: string;
}

export const RECORDED_STATEMENTS: readonly string[] = [
  'SELECT TRUE AS A, FALSE AS B, CAST(NULL AS BOOLEAN) AS C',
  'SELECT CAST(9007199254740993 AS NUMBER(38, 0)) AS A, CAST(-0.0000000001 AS NUMBER(38, 10)) AS B, CAST(12.5 AS NUMBER(10, 2)) AS C',
  'SELECT CAST(1.5 AS DOUBLE) AS A, CAST(-2.5e-300 AS DOUBLE) AS B',
  String.raw`SELECT 'it''s a \\ and a "quote"' AS A, 'tab\tline\nend' AS B, '' AS C, 'äöü 漢字 🚀' AS D`,
  "SELECT CAST('2024-02-29' AS DATE) AS A, CAST('1969-12-31' AS DATE) AS B, CAST('9999-12-31' AS DATE) AS C",
  "SELECT CAST('12:34:56.789' AS TIME(6)) AS A, CAST('00:00:00' AS TIME(6)) AS B",
  "SELECT CAST('2024-02-29 23:59:59.999999' AS TIMESTAMP_NTZ(6)) AS A, CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ(6)) AS B",
  "SELECT CAST('9999-12-31 23:59:59' AS TIMESTAMP_NTZ(6)) AS A, CAST('1000-01-01 00:00:00' AS TIMESTAMP_NTZ(6)) AS B",
  "SELECT CAST('2024-02-29 12:00:00' AS TIMESTAMP_LTZ) AS A",
  "SELECT TO_BINARY('DEADBEEF', 'HEX') AS A",
  `SELECT PARSE_JSON('{"a": [1, null, "x"]}') AS A`,
  'SELECT v.C1 AS A, v.C2 AS B FROM (VALUES (1, NULL), (2, 3)) AS v(C1, C2) ORDER BY A',
  'SELECT * FROM NO_SUCH_TABLE',
];

/** Runs the statements by the protocol alone, without a client library. */
export async function exchangesOf(url: string): Promise<readonly Exchange[]> {
  const post = async (path: string, body: unknown, token = '') => {
    const headers = { authorization: `Snowflake Token="${token}"`, 'content-type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    return (await response.json()) as Answer;
  };
  const data = { LOGIN_NAME: 'ann', PASSWORD: 'secret', ACCOUNT_NAME: 'TEST', SESSION_PARAMETERS: {} };
  const login = await post('/session/v1/login-request?databaseName=TEST&schemaName=PUBLIC', { data });
  const exchanges: Exchange[] = [];
  for (const sql of RECORDED_STATEMENTS) {
    const answer = await post('/queries/v1/query-request', { sqlText: sql }, login.data!.token!);
    if (!answer.success) exchanges.push({ sql, code: answer.code! });
    // A moment is told with an offset or without, by the type of the column that it is in.
    else
      exchanges.push({
        sql,
        types: answer.data!.rowtype!.map(({ type }) => type.replace(/_l?tz$/, '_ltz')),
        rowset: answer.data!.rowset!.map((row) => row.map((text) => text?.replace(/ 1440$/, '') ?? null)),
      });
  }
  return exchanges;
}

interface Answer {
  readonly success: boolean;
  readonly code?: string;
  readonly data?: {
    readonly token?: string;
    readonly rowtype?: readonly { readonly type: string }[];
    readonly rowset?: readonly (readonly (string | null)[])[];
  };
}
