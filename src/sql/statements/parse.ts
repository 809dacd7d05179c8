/** One statement's text → statement. What none of our own words begins goes to the SELECT parser. */
import { type Position, SQLSTATE } from '../../plan/errors.ts';
import { Cursor } from './cursor.ts';
import { createFederatedTable } from './federated-table.ts';
import { analyze, calibrate, createPolicy } from './policy.ts';
import { changeRole, grantOrRevoke } from './roles.ts';
import { reset, set } from './setting.ts';
import { describe, show } from './show.ts';
import { alterSilo, createSilo } from './silo.ts';
import type { Drop, Explain, Statement } from './statement.ts';
import { trainModel } from './train.ts';
import { unsupportedObject, unsupportedStatement } from './unsupported.ts';
import { createTableAs, exportQuery, insertInto } from './write.ts';

/**
 * Parses one statement (no semicolon at its end).
 * @param base where the text begins in the script it was cut from, for error positions
 * @throws CausewayError 42601 with line, column and the nearest word that could stand there
 */
export function parseStatement(text: string, base?: Position): Statement {
  const cursor = new Cursor(text, base);
  const statement = parse(cursor);
  cursor.end();
  return statement;
}

function parse(cursor: Cursor): Statement {
  if (cursor.accept('train')) {
    const orReplace = cursor.accept('or', 'replace');
    cursor.expect('model');
    return trainModel(cursor, orReplace);
  }
  if (cursor.at('create')) return create(cursor);
  if (cursor.accept('drop')) return drop(cursor);
  if (cursor.accept('insert')) {
    cursor.expect('into');
    return insertInto(cursor);
  }
  if (cursor.accept('show')) return show(cursor);
  if (cursor.accept('describe') || cursor.accept('desc')) return describe(cursor);
  if (cursor.accept('set')) return set(cursor);
  if (cursor.accept('reset')) return reset(cursor);
  if (cursor.accept('explain')) return explain(cursor);
  if (cursor.accept('analyze')) return analyze(cursor);
  if (cursor.accept('calibrate')) return calibrate(cursor);
  if (cursor.accept('grant')) return grantOrRevoke(cursor, 'grant');
  if (cursor.accept('revoke')) return grantOrRevoke(cursor, 'revoke');
  if (cursor.accept('alter')) {
    if (cursor.at('user') || cursor.at('role')) return changeRole(cursor, 'alter', cursor.expect('user', 'role'));
    if (cursor.accept('silo')) return alterSilo(cursor);
    if (!cursor.accept('model'))
      throw unsupportedObject(cursor, 'ALTER') ?? cursor.unexpected(['MODEL', 'SILO', 'USER', 'ROLE']);
    const name = cursor.name('a model');
    cursor.expect('activate');
    cursor.expect('version');
    return { kind: 'alter-model', name, activate: cursor.wholeNumber('a version number') };
  }
  if (cursor.accept('resume')) {
    cursor.expect('train');
    cursor.accept('model');
    return { kind: 'resume-train', name: cursor.name('a model') };
  }
  if (cursor.accept('cancel')) {
    cursor.expect('job');
    return { kind: 'cancel-job', job: cursor.wholeNumber("a job's number") };
  }
  if (cursor.accept('export')) {
    if (cursor.at('(')) return exportQuery(cursor);
    cursor.expect('model');
    const name = cursor.name('a model');
    cursor.expect('to');
    return { kind: 'export-model', name, path: cursor.string('a file name in quotes') };
  }
  if (cursor.accept('import')) {
    const orReplace = cursor.accept('or', 'replace');
    cursor.expect('model');
    const name = cursor.name('a model');
    cursor.expect('from');
    return { kind: 'import-model', orReplace, name, path: cursor.string('a file name in quotes') };
  }
  if (cursor.atQuery()) return { kind: 'query', query: cursor.query() };
  throw unsupportedStatement(cursor) ?? cursor.unexpected(STARTS);
}

const STARTS = [
  'SELECT',
  'WITH',
  'VALUES',
  'TRAIN',
  'INSERT',
  'CREATE',
  'DROP',
  'SHOW',
  'DESCRIBE',
  'EXPLAIN',
  'ALTER',
  'RESUME',
  'CANCEL',
  'EXPORT',
  'IMPORT',
  'GRANT',
  'REVOKE',
  'ANALYZE',
  'CALIBRATE',
  'SET',
  'RESET',
];

function create(cursor: Cursor): Statement {
  cursor.expect('create');
  const orReplace = cursor.accept('or', 'replace');
  if (cursor.accept('model')) {
    cursor.accept('if', 'not', 'exists');
    return trainModel(cursor, orReplace);
  }
  if (cursor.accept('view')) {
    const name = cursor.name('a view name');
    const columns = cursor.at('(') ? cursor.names('a column') : undefined;
    cursor.expect('as');
    const query = cursor.query();
    return { kind: 'create-view', orReplace, name, query, ...(columns === undefined ? {} : { columns }) };
  }
  if (orReplace) throw cursor.unexpected(['MODEL', 'VIEW']);
  if (cursor.at('user') || cursor.at('role')) return changeRole(cursor, 'create', cursor.expect('user', 'role'));
  if (cursor.accept('silo')) return createSilo(cursor);
  if (cursor.accept('policy')) return createPolicy(cursor);
  if (cursor.accept('table')) return createTableAs(cursor);
  if (cursor.accept('federated')) {
    cursor.expect('table');
    return createFederatedTable(cursor);
  }
  throw (
    unsupportedObject(cursor, 'CREATE') ??
    cursor.unexpected(['SILO', 'TABLE', 'FEDERATED', 'MODEL', 'VIEW', 'POLICY', 'USER', 'ROLE', 'OR'])
  );
}

function drop(cursor: Cursor): Drop {
  const foreign = unsupportedObject(cursor, 'DROP');
  if (foreign !== undefined) throw foreign;
  const word = cursor.expect('silo', 'federated', 'model', 'view', 'policy', 'user', 'role');
  const object = word === 'user' ? 'role' : word;
  if (object === 'federated') cursor.expect('table');
  const ifExists = cursor.accept('if', 'exists');
  const name = cursor.name(`a ${object} name`);
  return { kind: 'drop', object: object === 'federated' ? 'federated-table' : (object as 'silo'), ifExists, name };
}

function explain(cursor: Cursor): Explain {
  let analyze = cursor.accept('analyze');
  let format: Explain['format'] = 'text';
  if (!analyze && cursor.accept('(')) {
    do {
      if (cursor.accept('analyze')) analyze = true;
      else {
        cursor.expect('format', 'analyze');
        format = cursor.expect('text', 'json', 'dot') as Explain['format'];
      }
    } while (cursor.accept(','));
    cursor.expect(')', ',');
  }
  const { start } = cursor.token;
  const statement = parse(cursor);
  if (statement.kind !== 'query' && statement.kind !== 'train-model') {
    throw cursor.error(SQLSTATE.syntaxError, 'EXPLAIN takes a SELECT or a TRAIN', start);
  }
  return { kind: 'explain', analyze, format, statement };
}
