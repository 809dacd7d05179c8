import { expect, test } from 'vitest';
import { numeric, scalar, typeName } from '../src/plan/types.ts';
import { declarationOf, STANDARD_DECLARATIONS, STANDARD_TYPES, typeOfDeclared } from './declared-types.ts';
import { mysqlDeclarations, mysqlTypes } from './mysql/connector.ts';

const read = (types: typeof STANDARD_TYPES, declared: string) => typeName(typeOfDeclared(types, declared));

test.each([
  ['INTEGER', 'integer'],
  ['decimal(12, 2)', 'numeric(12,2)'],
  ['numeric(7)', 'numeric(7,0)'],
  ['number', 'numeric'],
  ['decimal(65,30)', 'numeric'],
  ['varchar(20)', 'character varying(20)'],
  ['character varying', 'text'],
  ['double precision', 'double precision'],
  ['timestamp(6) with time zone', 'timestamp with time zone'],
  ['timestamp(3)', 'timestamp without time zone'],
  ['geometry', 'text'],
  ['interval', 'text'],
])('the standard name %s is %s', (declared, type) => {
  expect(read(STANDARD_TYPES, declared)).toBe(type);
});

test.each([
  ['tinyint(1)', 'boolean'],
  ['tinyint(4)', 'smallint'],
  ['tinytext', 'text'],
  ['tinyblob', 'bytea'],
  ['smallint(5) unsigned', 'integer'],
  ['mediumint(8) unsigned', 'integer'],
  ['int(11)', 'integer'],
  ['int unsigned', 'bigint'],
  ['bigint(20)', 'bigint'],
  ['long', 'integer'],
  ['longlong', 'bigint'],
  ['longtext', 'text'],
  ['year(4)', 'smallint'],
  ['float', 'real'],
  ['datetime(6)', 'timestamp without time zone'],
  ['timestamp', 'timestamp with time zone'],
  ["enum('blob','date')", 'text'],
  ['varbinary(16)', 'bytea'],
])("MySQL's %s is %s", (declared, type) => {
  expect(read(mysqlTypes, declared)).toBe(type);
});

test.each([
  [numeric(12, 2), 'numeric(12, 2)', 'numeric(12, 2)'],
  [numeric(), 'text', 'longtext'],
  [{ kind: 'varchar', length: 9 } as const, 'varchar(9)', 'varchar(9)'],
  [{ kind: 'varchar' } as const, 'text', 'longtext'],
  [scalar('boolean'), 'boolean', 'tinyint(1)'],
  [scalar('interval'), 'text', 'longtext'],
])('a column of %o is declared as %s, and as %s in MySQL', (type, standard, mysql) => {
  expect(declarationOf(STANDARD_DECLARATIONS, type)).toBe(standard);
  expect(declarationOf(mysqlDeclarations, type)).toBe(mysql);
});
