/** The service's own client library reading a result, as its documentation shows: the benchmark's peer. */
import snowflake, { type Connection, type RowStatement } from 'snowflake-sdk';
import { type Timed, timed } from './sales.ts';

export async function libraryConnection(options: {
  readonly account: string;
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}): Promise<Connection> {
  snowflake.configure({ logLevel: 'OFF', additionalLogToConsole: false });
  const { account, url: accessUrl, user: username, password, database } = options;
  const connection = snowflake.createConnection({ account, accessUrl, username, password, database });
  await new Promise<void>((done, fail) => connection.connect((error) => (error ? fail(error) : done())));
  return connection;
}

/** From the first row to the last. */
export async function libraryRows(connection: Connection, sqlText: string, expected: number): Promise<Timed> {
  const statement = await new Promise<RowStatement>((done, fail) => {
    connection.execute({
      sqlText,
      streamResult: true,
      rowMode: 'array',
      fetchAsString: ['Number', 'Date'],
      complete: (error, finished) => (error ? fail(error) : done(finished)),
    });
  });
  const rows = statement.streamRows()[Symbol.asyncIterator]();
  let count = (await rows.next()).done === true ? 0 : 1;
  const time = await timed(async () => {
    for (let next = await rows.next(); next.done !== true; next = await rows.next()) count++;
  });
  if (count !== expected) throw new Error(`${count} rows instead of ${expected}`);
  return time;
}
