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

const KINDS: readonly Kind[] = ['int', 'num', 'text', 'bool', 'date', 'dbl', 'ts', 'span', 'ints'];
const LETTER: Readonly<Record<Kind, string>> = {
  int: 'I',
  num: 'R',
  text: 'T',
  bool: 'B',
  date: 'T',
  dbl: 'R',
  ts: 'T',
  span: 'T',
  ints: 'T',
};

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
      case 'ts':
        return pick(["timestamp '2024-01-01 00:00:00'", "timestamp '2024-02-29 12:30:00'", 'NULL::timestamp']);
      case 'span':
        return pick(["interval '1 day'", "interval '-90 minutes'", "interval '1 month 2 days'", 'NULL::interval']);
      case 'ints':
        return pick(["'{1,2}'::integer[]", "'{}'::integer[]", "'{3,NULL}'::integer[]", 'NULL::integer[]']);
    }
  };

  const leaf = (kind: Kind, scope: readonly Column[]): string => {
    const fitting = scope.filter((column) => column.kind === kind);
    return fitting.length > 0 && !chance(4) ? pick(fitting).text : literal(kind);
  };

  /** What a polymorphic function takes: a text in quotes has no type of its own. */
  const typed = (kind: Kind, scope: readonly Column[]): string => leaf(kind, scope) + (kind === 'text' ? '::text' : '');

  /** An expression of a kind; `depth` bounds its height. */
  const expression = (kind: Kind, scope: readonly Column[], depth: number): string => {
    if (depth <= 0 || chance(3)) return leaf(kind, scope);
    const sub = (of: Kind): string => expression(of, scope, depth - 1);
    const any = (): string => {
      if (chance(5)) return `coalesce(${sub(kind)}, ${sub(kind)})`;
      if (chance(5)) return `nullif(${sub(kind)}, ${literal(kind)})`;
      if (chance(6) && scope.length > 0) return scalar(kind, scope, depth - 1);
      if (chance(6)) return `CASE ${sub('int')} WHEN 1 THEN ${sub(kind)} WHEN ${literal('int')} THEN ${sub(kind)} END`;
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
          () => `extract(${pick(['hour', 'minute', 'year', 'month'])} FROM ${sub('ts')})::integer`,
          () => `extract(${pick(['hour', 'day', 'month'])} FROM ${leaf('span', scope)})::integer`,
          () => `cardinality(${sub('ints')})`,
          () => `array_length(${sub('ints')}, 1)`,
          () => `(${sub('ints')})[${pick(['1', '2', '0'])}]`,
          () => `(${sub('int')} / nullif(${leaf('int', scope)}, 0))`,
          () => `(${sub('int')} ${pick(['&', '|', '#'])} ${leaf('int', scope)})`,
          () => `${pick(['ceil', 'floor', 'round', 'trunc'])}(${leaf('num', scope)})::integer`,
          () => `round(${leaf('dbl', scope)})::integer`,
          () => `strpos(${sub('text')}, ${literal('text')})`,
          () => `ascii(${sub('text')})`,
          () => `array_position(${sub('ints')}, ${leaf('int', scope)})`,
          () => `least(${sub('int')}, ${sub('int')}, ${literal('int')})`,
          any,
        ])();
      case 'num':
        return pick([
          () => `(${sub('num')} ${pick(['+', '-'])} ${sub('num')})`,
          () => `(${leaf('num', scope)} * ${leaf('num', scope)})`,
          () => `(${sub('int')} + ${sub('num')})`,
          () => `round(${leaf('num', scope)}, 1)`,
          () => `abs(${sub('num')})`,
          () => `(${leaf('num', scope)} % ${pick(['0.5', '3', '(-0.7)'])})`,
          () => `${pick(['ceil', 'floor', 'trunc', 'sign'])}(${sub('num')})`,
          () => `trunc(${leaf('num', scope)}, 1)`,
          () => `greatest(${sub('num')}, ${sub('num')})`,
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
          () => `${pick([sub('ts'), sub('date'), sub('span'), sub('ints'), sub('bool')])}::text`,
          () => `to_char(${sub('ts')}, ${pick(["'YYYY-MM-DD HH24:MI'", "'Mon DD'", "'HH12 am'"])})`,
          () => `array_to_string(${sub('ints')}, '-')`,
          () => `${pick(['left', 'right'])}(${sub('text')}, ${pick(['1', '2', '-1'])})`,
          () => `${pick(['trim', 'reverse', 'lower', 'md5', 'initcap'])}(${sub('text')})`,
          () => `concat(${sub('text')}, ${sub('int')}, ${sub('bool')})`,
          () => `concat_ws('-', ${sub('text')}, ${sub('int')})`,
          () => `split_part(${sub('text')}, 'a', ${pick(['1', '2', '-1'])})`,
          () => `translate(${sub('text')}, 'ab', 'B')`,
          () => `regexp_replace(${sub('text')}, '[ab]', 'x'${pick(['', ", 'g'"])})`,
          () => `repeat(${sub('text')}, ${pick(['0', '1', '2'])})`,
          () => `to_char(${leaf('num', scope)}, ${pick(["'FM990.00'", "'S999D9'"])})`,
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
          () => `(${sub('int')} = ANY (${sub('ints')}))`,
          () => `(${sub('ints')} ${pick(['@>', '&&'])} ${sub('ints')})`,
          () => `(${sub('ts')} BETWEEN ${sub('ts')} AND ${sub('ts')})`,
          () => `((${sub('int')}, ${sub('text')}) ${pick(['=', '<', '>=', '<>'])} (${sub('int')}, ${sub('text')}))`,
          () => `(${sub('bool')} IS ${pick(['', 'NOT '])}${pick(['TRUE', 'FALSE', 'UNKNOWN'])})`,
          () => `(${sub('int')} BETWEEN SYMMETRIC ${sub('int')} AND ${sub('int')})`,
          () => `(${sub('text')} ${pick(['~', '!~', '~*'])} ${pick(["'^a'", "'b$'", "'[a-c]'"])})`,
          () => `starts_with(${sub('text')}, ${literal('text')})`,
          () => `(${sub('int')} <> ALL (${sub('ints')}))`,
          () => `(${sub('ints')} <@ ${sub('ints')})`,
          () => `((${sub('date')}, ${leaf('date', scope)}) OVERLAPS (${leaf('date', scope)}, ${leaf('date', scope)}))`,
          () => subquery(scope, depth - 1),
          () => subquery(scope, depth - 1),
        ])();
      }
      case 'ts':
        return pick([
          () => `(${sub('ts')} ${pick(['+', '-'])} ${leaf('span', scope)})`,
          () => `(${sub('date')} ${pick(['+', '-'])} ${leaf('span', scope)})`,
          () => `date_trunc(${pick(["'hour'", "'day'", "'month'", "'week'"])}, ${sub('ts')})`,
          () => `${sub('date')}::timestamp`,
          any,
        ])();
      case 'span':
        return pick([
          () => `(${leaf('ts', scope)} - ${leaf('ts', scope)})`,
          () => `(${leaf('span', scope)} ${pick(['+', '-'])} ${leaf('span', scope)})`,
          () => `(${leaf('span', scope)} * ${pick(['2', '-1', '3'])})`,
          () => `age(${leaf('ts', scope)}, ${leaf('ts', scope)})`,
          () => `justify_${pick(['hours', 'days', 'interval'])}(${leaf('span', scope)})`,
          () => `make_interval(days => ${leaf('int', scope)})`,
          any,
        ])();
      case 'ints':
        return pick([
          () => `(${sub('ints')} || ${sub('ints')})`,
          () => `array_append(${sub('ints')}, ${sub('int')})`,
          () => `array_remove(${sub('ints')}, ${literal('int')})`,
          () => `ARRAY[${sub('int')}, ${sub('int')}]`,
          () => `(${sub('ints')})[${pick(['1:1', '2:', ':1'])}]`,
          () => `array_prepend(${sub('int')}, ${sub('ints')})`,
          () => `array_replace(${sub('ints')}, 1, ${literal('int')})`,
          any,
        ])();
      case 'date':
        return pick([
          () => `(${sub('date')} + ${leaf('int', scope)})`,
          () => `${sub('ts')}::date`,
          () => `greatest(${sub('date')}, ${sub('date')})`,
          () => `date_trunc('month', ${sub('date')})::date`,
          () => `make_date(2024, ${pick(['1', '2', '12'])}, 28)`,
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
    const nested = chance(6) ? [] : scope;
    const inner = [...columns, ...(chance(2) ? [] : nested)];
    const where = chance(3) ? '' : ` WHERE ${expression('bool', inner, depth)}`;
    const value = (kind: Kind) => leaf(kind, columns);
    return pick([
      () => `(${pick(['', 'NOT '])}EXISTS (SELECT 1 FROM ${text}${where}))`,
      () =>
        `((${leaf('int', scope)}, ${leaf('text', scope)}) ${pick(['', 'NOT '])}IN (SELECT ${value('int')}, ${value('text')}::text FROM ${text}${where}))`,
      () => `(${leaf('int', scope)} <> ALL (SELECT ${value('int')} FROM ${text}${where}))`,
      () => `(${leaf('int', scope)} ${pick(['', 'NOT '])}IN (SELECT ${value('int')} FROM ${text}${where}))`,
      () => `(${leaf('text', scope)} = ANY (SELECT ${value('text')} FROM ${text}${where}))`,
      () => `(${leaf('int', scope)} <= ALL (SELECT ${value('int')} FROM ${text}${where}))`,
      () =>
        `(${leaf('int', scope)} < (SELECT ${pick(['max', 'min', 'sum', 'count'])}(${value('int')}) FROM ${text}${where}))`,
    ])();
  };

  /** A subquery of one value: an aggregate, or a first row; or an array of them. */
  const scalar = (kind: Kind, scope: readonly Column[], depth: number): string => {
    const { text, columns } = relation();
    const where = chance(4) ? '' : ` WHERE ${expression('bool', [...columns, ...scope], depth)}`;
    const value = `${leaf(kind, columns)}${kind === 'text' ? '::text' : ''}`;
    if (kind === 'ints' && chance(2)) {
      const one = leaf('int', columns);
      return `ARRAY(SELECT ${one} FROM ${text}${where} ORDER BY 1)`;
    }
    if (kind === 'ints') return leaf(kind, scope);
    const ordered = kind !== 'bool' && chance(2);
    if (ordered) return `(SELECT ${pick(['min', 'max'])}(${value}) FROM ${text}${where})`;
    return `(SELECT ${value} FROM ${text}${where} ORDER BY 1 ${pick(['', 'DESC NULLS LAST'])} LIMIT 1)`;
  };

  const relation = (): { text: string; columns: readonly Column[] } => {
    if (chance(8)) return made();
    const table = pick(Object.keys(TABLES));
    const alias = `r${++aliases}`;
    const columns = Object.entries(TABLES[table]!).map(([name, kind]) => ({ text: `${alias}.${name}`, kind }));
    return { text: `${table} AS ${alias}`, columns };
  };

  /** VALUES, a series, a recursive CTE; each has a whole number and a text. */
  const made = (): { text: string; columns: readonly Column[] } => {
    const alias = `r${++aliases}`;
    const columns: Column[] = [
      { text: `${alias}.n`, kind: 'int' },
      { text: `${alias}.w`, kind: 'text' },
    ];
    const rows = Array.from({ length: 1 + below(3) }, () => `(${literal('int')}, ${literal('text')})`);
    const text = pick([
      `(VALUES ${rows.join(', ')})`,
      `(SELECT i, i::text FROM generate_series(0, ${below(5)}) AS s(i))`,
      `(SELECT o::integer, i FROM unnest(ARRAY['a', NULL, 'Z']) WITH ORDINALITY AS s(i, o))`,
      `(WITH RECURSIVE q(a, b) AS (SELECT 1, 'a' UNION ALL SELECT a + 1, b || 'b' FROM q WHERE a < ${1 + below(4)}) SELECT * FROM q)`,
      `(SELECT DISTINCT ON (id) id, s FROM t1 ORDER BY id, s NULLS FIRST)`,
    ]);
    return { text: `${text} AS ${alias}(n, w)`, columns };
  };

  /** One to three relations, joined. */
  const from = (): { text: string; columns: readonly Column[] } => {
    let { text, columns } = relation();
    for (let more = below(3); more > 0; more--) {
      const next = chance(6) ? lateral(columns) : relation();
      // What reads its left side cannot keep rows that the left side lacks.
      const types = [
        'JOIN',
        'LEFT JOIN',
        'CROSS JOIN',
        ...('beside' in next ? [] : ['RIGHT JOIN', 'FULL JOIN', 'JOIN']),
      ];
      const type = pick(types);
      const equal = `${leafColumn('int', columns)} = ${leafColumn('int', next.columns)}`;
      // PostgreSQL refuses FULL JOINs on anything but equalities.
      const extra =
        type === 'FULL JOIN' || !chance(3) ? '' : ` AND ${expression('bool', [...columns, ...next.columns], 1)}`;
      text += ` ${type} ${next.text}${type === 'CROSS JOIN' ? '' : ` ON ${equal}${extra}`}`;
      columns = [...columns, ...next.columns];
    }
    return { text, columns };
  };

  /** A subquery in FROM that reads the columns beside it. */
  const lateral = (scope: readonly Column[]): { text: string; columns: readonly Column[]; beside?: true } => {
    const { text, columns } = relation();
    const alias = `r${++aliases}`;
    const kinds: Kind[] = ['int', pick(KINDS)];
    const items = kinds.map((kind) => expression(kind, [...columns, ...scope], 1));
    const inner = `SELECT ${items.join(', ')} FROM ${text} WHERE ${expression('bool', [...columns, ...scope], 1)}`;
    return {
      text: `LATERAL (${inner}) AS ${alias} (c1, c2)`,
      columns: kinds.map((kind, i) => ({ text: `${alias}.c${i + 1}`, kind })),
      beside: true,
    };
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
      () => ({ text: `bool_and(${expression('bool', scope, 1)})${filter}`, kind: 'bool' }),
      () => {
        const value = `${leaf('text', scope)}::text`;
        return { text: `string_agg(${value}, ',' ORDER BY ${value} ${pick(['', 'DESC'])})${filter}`, kind: 'text' };
      },
      () => {
        const value = leaf('int', scope);
        return { text: `array_agg(${value} ORDER BY ${value} ${pick(['', 'DESC NULLS LAST'])})`, kind: 'ints' };
      },
      () => ({ text: `sum(DISTINCT ${leaf('int', scope)})`, kind: 'int' }),
      () => ({ text: `percentile_disc(0.5) WITHIN GROUP (ORDER BY ${leaf('int', scope)})`, kind: 'int' }),
      () => ({ text: `percentile_cont(0.25) WITHIN GROUP (ORDER BY ${leaf('dbl', scope)})`, kind: 'dbl' }),
      () => ({ text: `${pick(['stddev_samp', 'var_pop'])}(${leaf('int', scope)})`, kind: 'dbl' }),
      () => ({ text: `${pick(['min', 'max'])}(${leaf(pick<Kind>(['ts']), scope)})`, kind: 'ts' }),
      () => ({ text: `sum(${leaf('span', scope)})`, kind: 'span' }),
    ])();
  };

  const frame = (): string => {
    const bound = pick(['UNBOUNDED PRECEDING', '1 PRECEDING', 'CURRENT ROW']);
    const end = pick(['UNBOUNDED FOLLOWING', '2 FOLLOWING', 'CURRENT ROW']);
    const exclude = chance(4) ? ` EXCLUDE ${pick(['CURRENT ROW', 'GROUP', 'TIES'])}` : '';
    return `${pick(['ROWS', 'GROUPS'])} BETWEEN ${bound} AND ${end}${exclude}`;
  };

  /** Ordered by all columns: rows that are equal in all of them are the same row to a frame. */
  const framed = (scope: readonly Column[]): Column => {
    const partition = chance(2) ? '' : `PARTITION BY ${leaf(pick(KINDS), scope)} `;
    const keys = scope.map(({ text }) => text + pick(['', ' DESC', ' NULLS FIRST']));
    const order = `${partition}ORDER BY ${keys.join(', ')}`;
    return pick<() => Column>([
      () => ({ text: `sum(${leaf('int', scope)}) OVER (${order} ${frame()})`, kind: 'int' }),
      () => ({ text: `count(${leaf(pick(KINDS), scope)}) OVER (${order} ${frame()})`, kind: 'int' }),
      () => ({ text: `min(${leaf('text', scope)}) OVER (${order} ${frame()})`, kind: 'text' }),
      () => ({ text: `row_number() OVER (${order})`, kind: 'int' }),
      () => ({ text: `ntile(3) OVER (${order})`, kind: 'int' }),
      () => {
        const kind = pick(KINDS);
        const value = typed(kind, scope);
        const call = pick([`lag(${value})`, `lead(${value}, 2)`, `lag(${value}, 1, ${typed(kind, [])})`]);
        return { text: `${call} OVER (${order})`, kind };
      },
      () => {
        const kind = pick(KINDS);
        const call = pick(['first_value', 'last_value']);
        return { text: `${call}(${typed(kind, scope)}) OVER (${order} ${frame()})`, kind };
      },
      () => ({ text: `nth_value(${leaf('int', scope)}, 2) OVER (${order} ${frame()})`, kind: 'int' }),
    ])();
  };

  /** A frame by the distance of values. */
  const ranged = (scope: readonly Column[]): Column => {
    const kind = pick<Kind>(['int', 'date', 'ts']);
    const distance = kind === 'int' ? '2' : "interval '1 month'";
    const frame = `RANGE BETWEEN ${distance} PRECEDING AND ${pick(['CURRENT ROW', `${distance} FOLLOWING`])}`;
    return { text: `count(*) OVER (ORDER BY ${leaf(kind, scope)} ${pick(['', 'DESC'])} ${frame})`, kind: 'int' };
  };

  const window = (scope: readonly Column[]): Column => {
    if (chance(2)) return chance(4) ? ranged(scope) : framed(scope);
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
      const groups = Array.from({ length: below(3) }, () => pick(columns)).filter(({ kind }) => kind !== 'span');
      const items = [...groups, ...Array.from({ length: 1 + below(2) }, () => aggregate(columns))];
      const distinct = [...new Set(groups.map((group) => group.text))];
      const groupList = distinct.join(', ');
      const grouped = [
        `ROLLUP (${groupList})`,
        `CUBE (${groupList})`,
        `GROUPING SETS ((${groupList}), (${distinct[0]}), ())`,
      ];
      const sets = distinct.length > 1 && chance(2) ? pick(grouped) : groupList;
      if (sets !== groupList) items.push({ text: `grouping(${groupList})`, kind: 'int' });
      const by = distinct.length === 0 ? '' : ` GROUP BY ${sets}`;
      const having = chance(4) ? ` HAVING count(*) ${pick(['>', '<='])} ${pick(['1', '2'])}` : '';
      const list = items.map((item) => item.text).join(', ');
      return { text: `SELECT ${list} FROM ${text}${where}${by}${having}`, kinds: items.map((item) => item.kind) };
    }
    const wanted = kinds ?? Array.from({ length: 1 + below(4) }, () => pick(KINDS));
    const items = wanted.map((kind): Column => ({ text: expression(kind, columns, 2), kind }));
    if (kinds === undefined && chance(4)) items.push(window(columns));
    const distinct = chance(5) && !wanted.includes('span') ? 'DISTINCT ' : '';
    const list = items.map((item) => item.text).join(', ');
    return { text: `SELECT ${distinct}${list} FROM ${text}${where}`, kinds: items.map((item) => item.kind) };
  };

  /** A whole query: plain, a set operation, or over a CTE; maybe with ORDER BY and LIMIT. */
  const query = (): RandomQuery => {
    let { text, kinds } = select();
    const exact = kinds.every((kind) => kind !== 'dbl' && kind !== 'num' && kind !== 'span');
    const operator = () => pick(['UNION', 'UNION ALL', 'INTERSECT', 'INTERSECT ALL', 'EXCEPT', 'EXCEPT ALL']);
    if (exact && chance(5)) {
      text = `${text} ${operator()} ${select(kinds).text}`;
      const [before, after] = [chance(4), chance(4)];
      if (before) text = `${select(kinds).text} ${operator()} (${text})`;
      if (after) text = `(${text}) ${operator()} ${select(kinds).text}`;
    } else if (exact && chance(8)) {
      const names = kinds.map((_, i) => `c${i + 1}`);
      const again = names.map((name, i) => (i === 0 ? `a.${name}` : `b.${name}`));
      const condition = names.map((name) => `a.${name} IS NOT DISTINCT FROM b.${name}`).join(' AND ');
      text = `WITH c (${names.join(', ')}) AS (${text}) SELECT DISTINCT ${again.join(', ')} FROM c AS a JOIN c AS b ON ${condition}`;
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
