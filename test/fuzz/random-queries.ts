/**
 * Random SELECTs over random-data.ts that PostgreSQL accepts and that have one answer: every LIMIT stands on an ORDER BY
 * of all columns, nothing divides by a column, and no float is summed in an order that matters to the sixth digit.
 */
import fc from 'fast-check';
import { type Kind, TABLES } from './random-data.ts';

/** fast-check's imperative source of choices. */
export type Choices = fc.GeneratorValue;

interface Column {
  readonly text: string;
  readonly kind: Kind;
}

export interface RandomQuery {
  readonly text: string;
  /** Result types in sqllogic's letters. */
  readonly types: string;
  readonly ordered: boolean;
}

const KINDS: readonly Kind[] = ['int', 'num', 'text', 'bool', 'date', 'dbl'];
const LETTER: Readonly<Record<Kind, string>> = { int: 'I', num: 'R', text: 'T', bool: 'B', date: 'T', dbl: 'R' };

/** A generator of queries over one source of choices. */
export function queries(choices: Choices) {
  const below = (count: number): number => choices(fc.nat, count - 1);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
  const chance = (oneIn: number): boolean => below(oneIn) === 0;
  let aliases = 0;

  const literal = (kind: Kind): string => {
    switch (kind) {
      case 'int':
        return pick(['0', '1', '2', '5', '(-3)', '42', 'NULL::integer']);
      case 'num':
        return pick(['0.5', '1.50', '(-2.25)', '100.0', 'NULL::numeric']);
      case 'text':
        return pick(["'a'", "'ab'", "''", "'Z'", "'票'", 'NULL::text']);
      case 'bool':
        return pick(['true', 'false', 'NULL::boolean']);
      case 'date':
        return pick(["date '2024-01-01'", "date '2024-02-29'", 'NULL::date']);
      case 'dbl':
        return pick(['0.5::double precision', '(-1)::double precision', 'NULL::double precision']);
    }
  };

  const leaf = (kind: Kind, scope: readonly Column[]): string => {
    const fitting = scope.filter((column) => column.kind === kind);
    return fitting.length > 0 && !chance(4) ? pick(fitting).text : literal(kind);
  };

  /** An expression of a kind; `depth` bounds its height. */
  const expression = (kind: Kind, scope: readonly Column[], depth: number): string => {
    if (depth <= 0 || chance(3)) return leaf(kind, scope);
    const sub = (of: Kind): string => expression(of, scope, depth - 1);
    const any = (): string => {
      if (chance(5)) return `coalesce(${sub(kind)}, ${sub(kind)})`;
      if (chance(5)) return `nullif(${sub(kind)}, ${literal(kind)})`;
      return `CASE WHEN ${sub('bool')} THEN ${sub(kind)} ELSE ${sub(kind)} END`;
    };
    switch (kind) {
      case 'int':
        return pick([
          () => `(${sub('int')} ${pick(['+', '-'])} ${sub('int')})`,
          () => `(${sub('int')} * ${pick(['2', '3', '-1'])})`,
          () => `(${sub('int')} / ${pick(['2', '3', '-4'])})`,
          () => `(${sub('int')} % ${pick(['2', '3', '-4'])})`,
          () => `length(${sub('text')})`,
          () => `abs(${sub('int')})`,
          () => `extract(${pick(['year', 'month', 'day', 'doy'])} FROM ${sub('date')})::integer`,
          () => `(${sub('date')} - ${sub('date')})`,
          () => `greatest(${sub('int')}, ${sub('int')})`,
          any,
        ])();
      case 'num':
        return pick([
          () => `(${sub('num')} ${pick(['+', '-'])} ${sub('num')})`,
          () => `(${leaf('num', scope)} * ${leaf('num', scope)})`,
          () => `(${sub('int')} + ${sub('num')})`,
          () => `round(${leaf('num', scope)}, 1)`,
          () => `abs(${sub('num')})`,
          any,
        ])();
      case 'text':
        return pick([
          () => `(${sub('text')} || ${sub('text')})`,
          () => `upper(${sub('text')})`,
          () => `substring(${sub('text')}, ${pick(['0', '1', '2', '-1'])}, ${pick(['1', '2', '3'])})`,
          () => `replace(${sub('text')}, 'a', 'xy')`,
          () => `lpad(${sub('text')}, 3, '*')`,
          () => `${sub('int')}::text`,
          any,
        ])();
      case 'bool': {
        const compared = pick(KINDS.filter((of) => of !== 'bool'));
        return pick([
          () => `(${sub(compared)} ${pick(['=', '<>', '<', '<=', '>', '>='])} ${sub(compared)})`,
          () => `(${sub('bool')} AND ${sub('bool')})`,
          () => `(${sub('bool')} OR ${sub('bool')})`,
          () => `(NOT ${sub('bool')})`,
          () => `(${sub(compared)} IS ${pick(['', 'NOT '])}NULL)`,
          () => `(${sub(compared)} IS ${pick(['', 'NOT '])}DISTINCT FROM ${sub(compared)})`,
          () => `(${sub('int')} ${pick(['', 'NOT '])}IN (${literal('int')}, ${literal('int')}, ${sub('int')}))`,
          () => `(${sub('int')} BETWEEN ${sub('int')} AND ${sub('int')})`,
          () =>
            `(${sub('text')} ${pick(['LIKE', 'NOT LIKE', 'ILIKE'])} ${pick(["'a%'", "'%b'", "'_'", "'a\\_b'", "'%'"])})`,
          () => subquery(scope, depth - 1),
        ])();
      }
      case 'date':
        return pick([
          () => `(${sub('date')} + ${leaf('int', scope)})`,
          () => `greatest(${sub('date')}, ${sub('date')})`,
          any,
        ])();
      case 'dbl':
        return pick([
          () => `(${sub('dbl')} ${pick(['+', '-', '*'])} ${leaf('dbl', scope)})`,
          () => `(${sub('dbl')} / 4)`,
          () => `${sub('int')}::double precision`,
          any,
        ])();
    }
  };

  /** EXISTS, IN, ANY and scalar subqueries, correlated or not. */
  const subquery = (scope: readonly Column[], depth: number): string => {
    const { text, columns } = relation();
    const inner = [...columns, ...(chance(2) ? [] : scope)];
    const where = chance(3) ? '' : ` WHERE ${expression('bool', inner, depth)}`;
    const value = (kind: Kind) => leaf(kind, columns);
    return pick([
      () => `EXISTS (SELECT 1 FROM ${text}${where})`,
      () => `(${leaf('int', scope)} ${pick(['', 'NOT '])}IN (SELECT ${value('int')} FROM ${text}${where}))`,
      () => `(${leaf('text', scope)} = ANY (SELECT ${value('text')} FROM ${text}${where}))`,
      () => `(${leaf('int', scope)} <= ALL (SELECT ${value('int')} FROM ${text}${where}))`,
      () =>
        `(${leaf('int', scope)} < (SELECT ${pick(['max', 'min', 'sum', 'count'])}(${value('int')}) FROM ${text}${where}))`,
    ])();
  };

  const relation = (): { text: string; columns: readonly Column[] } => {
    const table = pick(Object.keys(TABLES));
    const alias = `r${++aliases}`;
    const columns = Object.entries(TABLES[table]!).map(([name, kind]) => ({ text: `${alias}.${name}`, kind }));
    return { text: `${table} AS ${alias}`, columns };
  };

  /** One to three relations, joined. */
  const from = (): { text: string; columns: readonly Column[] } => {
    let { text, columns } = relation();
    for (let more = below(3); more > 0; more--) {
      const next = relation();
      const type = pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'JOIN', 'CROSS JOIN']);
      const equal = `${leafColumn('int', columns)} = ${leafColumn('int', next.columns)}`;
      // PostgreSQL refuses FULL JOINs on anything but equalities.
      const extra =
        type === 'FULL JOIN' || !chance(3) ? '' : ` AND ${expression('bool', [...columns, ...next.columns], 1)}`;
      text += ` ${type} ${next.text}${type === 'CROSS JOIN' ? '' : ` ON ${equal}${extra}`}`;
      columns = [...columns, ...next.columns];
    }
    return { text, columns };
  };

  const leafColumn = (kind: Kind, columns: readonly Column[]): string =>
    pick(columns.filter((column) => column.kind === kind)).text;

  const aggregate = (scope: readonly Column[]): Column => {
    const filter = chance(4) ? ` FILTER (WHERE ${expression('bool', scope, 1)})` : '';
    return pick<() => Column>([
      () => ({ text: `count(*)${filter}`, kind: 'int' }),
      () => ({ text: `count(DISTINCT ${leaf(pick(KINDS), scope)})`, kind: 'int' }),
      () => ({ text: `sum(${expression('int', scope, 1)})${filter}`, kind: 'int' }),
      () => ({ text: `sum(${leaf('num', scope)})${filter}`, kind: 'num' }),
      () => ({ text: `${pick(['min', 'max'])}(${expression('text', scope, 1)})`, kind: 'text' }),
      () => ({ text: `${pick(['min', 'max'])}(${leaf('date', scope)})${filter}`, kind: 'date' }),
      () => ({ text: `avg(${leaf(pick(['int', 'num', 'dbl']), scope)})`, kind: 'dbl' }),
      () => ({ text: `bool_or(${expression('bool', scope, 1)})`, kind: 'bool' }),
    ])();
  };

  const window = (scope: readonly Column[]): Column => {
    const partition = chance(2) ? '' : `PARTITION BY ${leaf(pick(KINDS), scope)} `;
    const order = `ORDER BY ${expression(pick(['int', 'text', 'date']), scope, 1)}${pick(['', ' DESC', ' NULLS FIRST'])}`;
    return pick<() => Column>([
      () => ({ text: `rank() OVER (${partition}${order})`, kind: 'int' }),
      () => ({ text: `count(*) OVER (${partition})`, kind: 'int' }),
      () => ({ text: `sum(${leaf('int', scope)}) OVER (${partition}${order})`, kind: 'int' }),
      () => ({ text: `max(${leaf('num', scope)}) OVER (${partition}${order} RANGE UNBOUNDED PRECEDING)`, kind: 'num' }),
    ])();
  };

  const select = (kinds?: readonly Kind[]): { text: string; kinds: readonly Kind[] } => {
    const { text, columns } = from();
    const where = chance(3) ? '' : ` WHERE ${expression('bool', columns, 2)}`;
    if (kinds === undefined && chance(3)) {
      const groups = Array.from({ length: below(3) }, () => pick(columns));
      const items = [...groups, ...Array.from({ length: 1 + below(2) }, () => aggregate(columns))];
      const distinct = [...new Set(groups.map((group) => group.text))];
      const sets = distinct.length > 1 && chance(3) ? `ROLLUP (${distinct.join(', ')})` : distinct.join(', ');
      const by = distinct.length === 0 ? '' : ` GROUP BY ${sets}`;
      const having = chance(4) ? ` HAVING count(*) ${pick(['>', '<='])} ${pick(['1', '2'])}` : '';
      const list = items.map((item) => item.text).join(', ');
      return { text: `SELECT ${list} FROM ${text}${where}${by}${having}`, kinds: items.map((item) => item.kind) };
    }
    const wanted = kinds ?? Array.from({ length: 1 + below(4) }, () => pick(KINDS));
    const items = wanted.map((kind): Column => ({ text: expression(kind, columns, 2), kind }));
    if (kinds === undefined && chance(4)) items.push(window(columns));
    const distinct = chance(5) ? 'DISTINCT ' : '';
    const list = items.map((item) => item.text).join(', ');
    return { text: `SELECT ${distinct}${list} FROM ${text}${where}`, kinds: items.map((item) => item.kind) };
  };

  /** A whole query: plain, a set operation, or over a CTE; maybe with ORDER BY and LIMIT. */
  const query = (): RandomQuery => {
    let { text, kinds } = select();
    const exact = kinds.every((kind) => kind !== 'dbl' && kind !== 'num');
    if (exact && chance(5)) {
      const operator = pick(['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT', 'EXCEPT ALL']);
      text = `${text} ${operator} ${select(kinds).text}`;
    } else if (chance(5)) {
      // Unnamed columns may share a name, which a derived table must not read by name.
      const names = kinds.map((_, i) => `c${i + 1}`).join(', ');
      text = chance(2) ? `WITH c (${names}) AS (${text}) SELECT * FROM c` : `SELECT * FROM (${text}) AS q (${names})`;
    }
    const ordered = exact && chance(3);
    if (ordered) {
      const keys = kinds.map((_, i) => `${i + 1}${pick(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}`);
      text += ` ORDER BY ${keys.join(', ')}${chance(2) ? ` LIMIT ${below(6)}` : ''}${chance(4) ? ' OFFSET 2' : ''}`;
    }
    return { text, types: kinds.map((kind) => LETTER[kind]).join(''), ordered };
  };

  /** What ternary logic partitioning needs: a query without WHERE, and a predicate over its columns. */
  const partitioned = (): { readonly text: string; readonly predicate: string; readonly types: string } => {
    const { text, columns } = from();
    const items = Array.from({ length: 1 + below(3) }, () => pick(columns));
    return {
      text: `SELECT ${items.map((item) => item.text).join(', ')} FROM ${text}`,
      predicate: expression('bool', columns, 3),
      types: items.map((item) => LETTER[item.kind]).join(''),
    };
  };

  return { query, partitioned };
}
