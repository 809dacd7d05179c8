/** Rows out of PostgreSQL into the mediator, against `psql \copy … binary` to nowhere: the bound of the wire. */
import { spawn } from 'node:child_process';
import { postgres } from '../../connectors/postgres/connector.ts';
import { Mediator } from '../../operators/mediator/mediator.ts';
import { medians, ms, type Run, ratio } from './setup.ts';
import { printTable } from './table.ts';

const signal = new AbortController().signal;

export async function moving({ silos: { postgresUrl, local }, repeats }: Run): Promise<void> {
  await using silo = await postgres.connect({ url: postgresUrl }, signal);
  await using mediator = await Mediator.open();
  const table = (await silo.tables(signal)).find((each) => each.table === 'lineitem')!;
  const columns = table.columns.map(({ name, type }) => ({ name, type }));
  const text = `SELECT ${columns.map(({ name }) => name).join(', ')} FROM lineitem`;
  const rows = Number((await local.runAndReadAll('SELECT count(*) FROM lineitem')).getRows()[0]![0]);
  const copy = `\\copy (${text}) TO '/dev/null' (FORMAT binary)`;
  const psql = () =>
    new Promise<boolean>((done) => {
      const child = spawn('psql', ['-X', '-q', '-c', copy, postgresUrl], { stdio: 'ignore' });
      child.on('error', () => done(false));
      child.on('exit', (code) => done(code === 0));
    });
  if (!(await psql())) {
    console.log('\nRows out of PostgreSQL: not measured, psql is not installed');
    return;
  }
  const times = await medians(
    {
      async causeway() {
        await using session = await mediator.session();
        const result = await silo.run({ kind: 'sql', text, columns }, signal);
        const moved = await session.ingest('lineitem', result, signal);
        if (moved !== rows) throw new Error(`${moved} rows came instead of ${rows}`);
      },
      psql,
    },
    repeats,
  );
  printTable(
    `Rows out of PostgreSQL: ${rows.toLocaleString('en')} of lineitem (aim: ≥ 0.9 × psql's rows a second)`,
    ['causeway ms', 'psql \\copy binary ms', 'causeway rows/s', '× psql'],
    [
      [
        ms(times.causeway),
        ms(times.psql),
        Math.round((rows / times.causeway) * 1000).toLocaleString('en'),
        ratio(times.psql, times.causeway),
      ],
    ],
  );
}
