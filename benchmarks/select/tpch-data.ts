/**
 * Data in the shape of TPC-H at any scale, the same at every run: every value is a hash of its row's number (DuckDB's, whose
 * version is pinned). Vocabulary and ranges follow the TPC-H specification (§4.2), so that the 22 queries find what they
 * look for; the official answers do not apply.
 */
import type { DuckDBConnection } from '@duckdb/node-api';

export const TABLES = ['region', 'nation', 'supplier', 'part', 'partsupp', 'customer', 'orders', 'lineitem'] as const;

export type Table = (typeof TABLES)[number];

const REGIONS = ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'];
/** Names and the region of each. */
const NATIONS: readonly (readonly [string, number])[] = [
  ['ALGERIA', 0],
  ['ARGENTINA', 1],
  ['BRAZIL', 1],
  ['CANADA', 1],
  ['EGYPT', 4],
  ['ETHIOPIA', 0],
  ['FRANCE', 3],
  ['GERMANY', 3],
  ['INDIA', 2],
  ['INDONESIA', 2],
  ['IRAN', 4],
  ['IRAQ', 4],
  ['JAPAN', 2],
  ['JORDAN', 4],
  ['KENYA', 0],
  ['MOROCCO', 0],
  ['MOZAMBIQUE', 0],
  ['PERU', 1],
  ['CHINA', 2],
  ['ROMANIA', 3],
  ['SAUDI ARABIA', 4],
  ['VIETNAM', 2],
  ['RUSSIA', 3],
  ['UNITED KINGDOM', 3],
  ['UNITED STATES', 1],
];

const list = (text: string): string => `['${text.split(' ').join("','")}']`;
const COLORS = list(
  'almond antique azure beige blue brown coral cream cyan forest green ivory khaki lemon lime maroon navy olive pink red',
);
const WORDS = list(
  'carefully quickly special regular final pending express requests deposits accounts packages Customer Complaints ironic bold even',
);

/** `salt` keeps the columns of one row apart. */
const MACROS = [
  'draw(i, salt, n) AS (hash(i, salt) % n)::BIGINT',
  'word(i, salt, words) AS words[draw(i, salt, len(words)) + 1]',
  `comment(i, salt) AS word(i, salt, ${WORDS}) || ' ' || word(i, salt + 1, ${WORDS}) || ' ' || word(i, salt + 2, ${WORDS}) || ' ' || draw(i, salt + 3, 100000)`,
  "phone(i, nation) AS (nation + 10) || '-' || (100 + draw(i, 51, 900)) || '-' || (100 + draw(i, 52, 900)) || '-' || (1000 + draw(i, 53, 9000))",
  'money(i, salt, low, high) AS ((low * 100 + draw(i, salt, (high - low) * 100)) / 100.0)::DECIMAL(15, 2)',
];

const rows = (scale: number, perScale: number): number => Math.max(10, Math.round(scale * perScale));

/** Makes the eight tables in the connection's database. */
export async function createTables(connection: DuckDBConnection, scale: number): Promise<void> {
  const [suppliers, parts, customers, orders] = [10_000, 200_000, 150_000, 1_500_000].map((n) => rows(scale, n)) as [
    number,
    number,
    number,
    number,
  ];
  for (const macro of MACROS) await connection.run(`CREATE TEMP MACRO ${macro}`);
  const queries: Readonly<Record<Table, string>> = {
    region: `SELECT * FROM (VALUES ${REGIONS.map((name, i) => `(${i}, '${name}', 'region ${i}')`).join(', ')})
      AS t(r_regionkey, r_name, r_comment)`,
    nation: `SELECT * FROM (VALUES ${NATIONS.map(([name, region], i) => `(${i}, '${name}', ${region}, 'nation ${i}')`).join(', ')})
      AS t(n_nationkey, n_name, n_regionkey, n_comment)`,
    supplier: `SELECT i AS s_suppkey, printf('Supplier#%09d', i) AS s_name, 'street ' || draw(i, 1, 100000) AS s_address,
        draw(i, 2, 25)::INTEGER AS s_nationkey, phone(i, draw(i, 2, 25)) AS s_phone, money(i, 3, -999, 9999) AS s_acctbal,
        comment(i, 4) AS s_comment
      FROM range(1, ${suppliers} + 1) t(i)`,
    part: `SELECT i AS p_partkey, word(i, 1, ${COLORS}) || ' ' || word(i, 2, ${COLORS}) || ' ' || word(i, 3, ${COLORS}) AS p_name,
        'Manufacturer#' || (1 + draw(i, 4, 5)) AS p_mfgr, 'Brand#' || (1 + draw(i, 4, 5)) || (1 + draw(i, 5, 5)) AS p_brand,
        word(i, 6, ${list('STANDARD SMALL MEDIUM LARGE ECONOMY PROMO')}) || ' ' ||
          word(i, 7, ${list('ANODIZED BURNISHED PLATED POLISHED BRUSHED')}) || ' ' ||
          word(i, 8, ${list('TIN NICKEL BRASS STEEL COPPER')}) AS p_type,
        (1 + draw(i, 9, 50))::INTEGER AS p_size,
        word(i, 10, ${list('SM LG MED JUMBO WRAP')}) || ' ' || word(i, 11, ${list('CASE BOX BAG JAR PKG PACK CAN DRUM')}) AS p_container,
        money(i, 12, 900, 2000) AS p_retailprice, comment(i, 13) AS p_comment
      FROM range(1, ${parts} + 1) t(i)`,
    partsupp: `SELECT i AS ps_partkey, (i + n * (${suppliers} // 4 + (i - 1) // ${suppliers})) % ${suppliers} + 1 AS ps_suppkey,
        1 + draw(i * 4 + n, 1, 9999) AS ps_availqty, money(i * 4 + n, 2, 1, 1000) AS ps_supplycost, comment(i * 4 + n, 3) AS ps_comment
      FROM range(1, ${parts} + 1) t(i), range(0, 4) s(n)`,
    customer: `SELECT i AS c_custkey, printf('Customer#%09d', i) AS c_name, 'street ' || draw(i, 1, 100000) AS c_address,
        draw(i, 2, 25)::INTEGER AS c_nationkey, phone(i, draw(i, 2, 25)) AS c_phone, money(i, 3, -999, 9999) AS c_acctbal,
        word(i, 4, ${list('AUTOMOBILE BUILDING FURNITURE MACHINERY HOUSEHOLD')}) AS c_mktsegment, comment(i, 5) AS c_comment
      FROM range(1, ${customers} + 1) t(i)`,
    // A third of the customers never orders.
    orders: `SELECT o_orderkey, o_custkey,
        CASE WHEN o_orderdate < DATE '1995-03-01' THEN 'F' WHEN o_orderdate > DATE '1995-06-17' THEN 'O' ELSE 'P' END AS o_orderstatus,
        o_totalprice, o_orderdate, o_orderpriority, o_clerk, o_shippriority, o_comment
      FROM (SELECT i AS o_orderkey, 1 + draw(i, 1, ${Math.floor(customers / 3)}) * 3 + draw(i, 2, 2) AS o_custkey,
          money(i, 3, 1000, 400000) AS o_totalprice, (DATE '1992-01-01' + draw(i, 4, 2406)::INTEGER) AS o_orderdate,
          word(i, 5, ['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW']) AS o_orderpriority,
          printf('Clerk#%09d', 1 + draw(i, 6, 1000)) AS o_clerk, 0 AS o_shippriority, comment(i, 7) AS o_comment
        FROM range(1, ${orders} + 1) t(i))`,
    lineitem: `SELECT l_orderkey, l_partkey,
        (l_partkey + draw(k, 9, 4) * (${suppliers} // 4 + (l_partkey - 1) // ${suppliers})) % ${suppliers} + 1 AS l_suppkey,
        l_linenumber, l_quantity, (l_quantity * (900 + l_partkey % 1100))::DECIMAL(15, 2) AS l_extendedprice,
        (draw(k, 3, 11) / 100.0)::DECIMAL(15, 2) AS l_discount, (draw(k, 4, 9) / 100.0)::DECIMAL(15, 2) AS l_tax,
        CASE WHEN l_receiptdate > DATE '1995-06-17' THEN 'N' WHEN draw(k, 5, 2) = 0 THEN 'R' ELSE 'A' END AS l_returnflag,
        CASE WHEN l_shipdate > DATE '1995-06-17' THEN 'O' ELSE 'F' END AS l_linestatus,
        l_shipdate, (o_orderdate + 30 + draw(k, 6, 61)::INTEGER) AS l_commitdate, l_receiptdate,
        word(k, 7, ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN']) AS l_shipinstruct,
        word(k, 8, ['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB']) AS l_shipmode, comment(k, 20) AS l_comment
      FROM (SELECT *, (l_shipdate + 1 + draw(k, 10, 30)::INTEGER) AS l_receiptdate
        FROM (SELECT o_orderkey AS l_orderkey, o_orderdate, n AS l_linenumber, o_orderkey * 8 + n AS k,
            1 + draw(o_orderkey * 8 + n, 1, ${parts}) AS l_partkey, (1 + draw(o_orderkey * 8 + n, 2, 50))::DECIMAL(15, 2) AS l_quantity,
            (o_orderdate + 1 + draw(o_orderkey * 8 + n, 11, 121)::INTEGER) AS l_shipdate
          FROM orders, range(1, 8) s(n) WHERE n <= 1 + draw(o_orderkey, 12, 7)))`,
  };
  for (const table of TABLES) await connection.run(`CREATE TABLE ${table} AS ${queries[table]}`);
}
