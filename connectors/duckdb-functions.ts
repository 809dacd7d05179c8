/**
 * PostgreSQL's functions and operators where DuckDB has none or answers otherwise: SQL macros, made once in the
 * process's DuckDB. `pg_…` are meant by the dialect (duckdb-dialect.ts); the others carry PostgreSQL's own names.
 */
export const POSTGRES_MACROS: readonly string[] = [
  // Arithmetic that fails as PostgreSQL's does.
  `pg_divide(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE a / b END`,
  `pg_modulo(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE a % b END`,
  `div(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE trunc(a / b) END`,
  // Doubles round half to even, numerics half away from zero.
  `pg_round(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN round_even(x, 0) ELSE round(x) END, (x, n) AS round(x, n)`,
  `width_bucket(x, low, high, n) AS CASE WHEN low < high
     THEN CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1 ELSE (floor((x - low) * n / (high - low)) + 1)::INTEGER END
     ELSE CASE WHEN x > low THEN 0 WHEN x <= high THEN n + 1 ELSE (floor((low - x) * n / (low - high)) + 1)::INTEGER END END`,
  // Text.
  `btrim(s) AS trim(s, ' '), (s, characters) AS trim(s, characters)`,
  `pg_substring(s, start) AS substring(s, greatest(start, 1)),
   (s, start, n) AS CASE WHEN n < 0 THEN error('negative substring length not allowed')
     ELSE substring(s, greatest(start, 1), greatest(0, start + n - greatest(start, 1))) END`,
  `initcap(s) AS array_to_string(list_transform(regexp_extract_all(s, '[[:alnum:]]+|[^[:alnum:]]+'),
     lambda w: upper(left(w, 1)) || lower(substring(w, 2))), '')`,
];
