/**
 * PostgreSQL's functions and operators where DuckDB has none or answers otherwise: SQL macros, made once in the
 * process's DuckDB over the scalars of duckdb-scalars.ts. `pg_…` are meant by the dialect (duckdb-dialect.ts); the others
 * carry PostgreSQL's own names, so that texts which are run as they stand find them too.
 */
export const POSTGRES_MACROS: readonly string[] = [
  // Arithmetic that fails as PostgreSQL's does.
  `pg_divide(a, b) AS CASE WHEN b = 0 AND a IS NOT NULL THEN error('division by zero') ELSE a / b END`,
  `pg_modulo(a, b) AS CASE WHEN b = 0 AND a IS NOT NULL THEN error('division by zero') ELSE a % b END`,
  `pg_numeric_divide(a, b) AS pg_numeric_quotient(a::VARCHAR, b::VARCHAR)`,
  `div(a, b) AS CASE WHEN b = 0 AND a IS NOT NULL THEN error('division by zero') ELSE trunc(pg_numeric_quotient(a::VARCHAR, b::VARCHAR))::DECIMAL(38, 0) END`,
  `pg_power(a, b) AS CASE WHEN a = 0 AND b < 0 THEN error('zero raised to a negative power is undefined')
     WHEN a < 0 AND b <> trunc(b) THEN error('a negative number raised to a non-integer power yields a complex result')
     WHEN isinf(pow(a, b)::DOUBLE) AND isfinite(a::DOUBLE) AND isfinite(b::DOUBLE) THEN error('value out of range: overflow') ELSE pow(a, b) END`,
  `pg_exp(x) AS CASE WHEN isinf(exp(x)) AND isfinite(x) THEN error('value out of range: overflow') ELSE exp(x) END`,
  `width_bucket(x, low, high, n) AS CASE WHEN x IS NULL OR low IS NULL OR high IS NULL OR n IS NULL THEN NULL WHEN n <= 0 THEN error('count must be greater than zero')
     WHEN low = high THEN error('lower bound cannot equal upper bound')
     WHEN low < high
     THEN CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1 ELSE (floor(((x - low) * n)::DOUBLE / (high - low)::DOUBLE) + 1)::INTEGER END
     ELSE CASE WHEN x > low THEN 0 WHEN x <= high THEN n + 1 ELSE (floor(((low - x) * n)::DOUBLE / (low - high)::DOUBLE) + 1)::INTEGER END END`,
  // Bits that leave a number on the left are lost.
  `pg_wrap(x, bits) AS ((x + (1::HUGEINT << (bits - 1))) % (1::HUGEINT << bits) + (1::HUGEINT << bits)) % (1::HUGEINT << bits) - (1::HUGEINT << (bits - 1))`,
  `pg_shift_left(x, n, bits) AS pg_wrap(x::HUGEINT * (1::HUGEINT << (n & if(bits = 64, 63, 31))::HUGEINT), bits)`,
  `pg_acosh(x) AS CASE WHEN x < 1 THEN error('input is out of range') ELSE acosh(x) END`,
  `sind(x) AS round(sin(radians(x)), 15)`,
  `cosd(x) AS round(cos(radians(x)), 15)`,
  `tand(x) AS round(tan(radians(x)), 15)`,
  `scale(x) AS CASE WHEN x IS NOT NULL THEN length(split_part(x::VARCHAR, '.', 2))::INTEGER END`,
  // Text
  `btrim(s) AS trim(s, ' '), (s, characters) AS trim(s, characters)`,
  `pg_substring(s, start) AS substring(s, greatest(start, 1)),
   (s, start, n) AS CASE WHEN n < 0 THEN error('negative substring length not allowed')
     ELSE substring(s, greatest(start, 1), greatest(0, start + n - greatest(start, 1))) END`,
  `pg_substring_bytes(b, start) AS unhex(substring(hex(b), 2 * greatest(start, 1) - 1)),
   (b, start, n) AS CASE WHEN n < 0 THEN error('negative substring length not allowed')
     ELSE unhex(substring(hex(b), 2 * greatest(start, 1) - 1, 2 * greatest(0, start + n - greatest(start, 1)))) END`,
  `pg_lpad(s, n) AS lpad(s, CASE WHEN n < 0 THEN 0 ELSE n END, ' '),
   (s, n, fill) AS CASE WHEN fill = '' THEN left(s, n) ELSE lpad(s, CASE WHEN n < 0 THEN 0 ELSE n END, fill) END`,
  `pg_rpad(s, n) AS rpad(s, CASE WHEN n < 0 THEN 0 ELSE n END, ' '),
   (s, n, fill) AS CASE WHEN fill = '' THEN left(s, n) ELSE rpad(s, CASE WHEN n < 0 THEN 0 ELSE n END, fill) END`,
  // A decimal below one has a zero before its point.
  `pg_numeric_text(x) AS regexp_replace(CAST(x AS VARCHAR), '^(-?)\\.', '\\10.')`,
  `pg_overlay(s, new, start) AS left(s, start - 1) || new || substring(s, start + length(new)),
   (s, new, start, n) AS left(s, start - 1) || new || substring(s, start + n)`,
  `initcap(s) AS array_to_string(list_transform(regexp_extract_all(s, '[[:alnum:]]+|[^[:alnum:]]+'),
     lambda w: upper(left(w, 1)) || lower(substring(w, 2))), '')`,
  `quote_literal(s) AS CASE WHEN contains(s::VARCHAR, '\\') THEN 'E''' || replace(replace(s::VARCHAR, '\\', '\\\\'), '''', '''''') || ''''
     ELSE '''' || replace(s::VARCHAR, '''', '''''') || '''' END`,
  `quote_ident(s) AS CASE WHEN regexp_full_match(s, '[a-z_][a-z0-9_$]*') THEN s ELSE '"' || replace(s, '"', '""') || '"' END`,
  `pg_to_hex(i) AS CASE WHEN i >= 0 THEN lower(to_hex(i)) WHEN typeof(i) = 'INTEGER' THEN right(lower(to_hex(i)), 8) ELSE lower(to_hex(i)) END`,
  `pg_encode(bytes, format) AS CASE lower(format) WHEN 'hex' THEN lower(hex(bytes)) WHEN 'base64' THEN to_base64(bytes)
     ELSE error('unrecognized encoding: "' || format || '"') END`,
  `pg_decode(s, format) AS CASE lower(format) WHEN 'hex' THEN unhex(s) WHEN 'base64' THEN from_base64(s)
     ELSE error('unrecognized encoding: "' || format || '"') END`,
  `pg_bytea_text(bytes) AS '\\x' || lower(hex(bytes))`,
  `regexp_count(s, pattern) AS length(regexp_extract_all(s, pattern))::INTEGER`,
  `regexp_substr(s, pattern) AS regexp_extract_all(s, pattern)[1]`,
  `regexp_match(s, pattern) AS pg_regexp_groups(s, pattern, '')::JSON::VARCHAR[],
   (s, pattern, flags) AS pg_regexp_groups(s, pattern, flags)::JSON::VARCHAR[]`,
  `pg_substring_regex(s, pattern) AS coalesce(pg_regexp_groups(s, pattern, '')::JSON::VARCHAR[], [])[1]`,
  `pg_string_to_array(s, delimiter) AS CASE WHEN s = '' THEN []::VARCHAR[]
     WHEN delimiter IS NULL THEN regexp_extract_all(s, '(?s).') WHEN delimiter = '' THEN [s] ELSE string_split(s, delimiter) END,
   (s, delimiter, null_text) AS list_transform(CASE WHEN s = '' THEN []::VARCHAR[]
     WHEN delimiter IS NULL THEN regexp_extract_all(s, '(?s).') WHEN delimiter = '' THEN [s] ELSE string_split(s, delimiter) END,
     lambda x: nullif(x, null_text))`,
  // Fields of dates, times and intervals: pg_extract_<field>.
  ...[
    'century',
    'day',
    'decade',
    'dow',
    'doy',
    'hour',
    'isodow',
    'isoyear',
    'millennium',
    'minute',
    'month',
    'quarter',
    'week',
    'year',
  ].map((field) => `pg_extract_${field}(t) AS date_part('${field}', t)`),
  ...['timezone', 'timezone_hour', 'timezone_minute'].map(
    (field) => `pg_extract_${field}(t) AS date_part('${field}', t)`,
  ),
  `pg_extract_microseconds(t) AS date_part('microseconds', t)`,
  `pg_extract_milliseconds(t) AS (date_part('microseconds', t)::DECIMAL(15, 0) * 0.001)::DECIMAL(18, 3)`,
  `pg_extract_second(t) AS (date_part('microseconds', t)::DECIMAL(15, 0) * 0.000001)::DECIMAL(18, 6)`,
  `pg_extract_epoch(t) AS (epoch_us(t)::DECIMAL(31, 0) * 0.000001)::DECIMAL(37, 6)`,
  `pg_extract_julian(t) AS date_part('julian', t)`,
  `date_bin(stride, t, origin) AS time_bucket(stride, t, origin)`,
  `pg_interval(months, days, micros) AS to_months(months::INTEGER) + to_days(days::INTEGER) + to_microseconds(micros::BIGINT)`,
  `pg_months(i) AS date_part('year', i) * 12 + date_part('month', i)`,
  `pg_micros(i) AS date_part('hour', i) * 3600000000 + date_part('minute', i) * 60000000 + date_part('microseconds', i)`,
  // Larger units first; then one of them is taken back where its sign is another than that of the smaller ones.
  `pg_back(large, small) AS CASE WHEN large > 0 AND small < 0 THEN 1 WHEN large < 0 AND small > 0 THEN -1 ELSE 0 END`,
  `pg_justified(months, days, micros) AS pg_interval(months, days - pg_back(days, micros), micros + pg_back(days, micros) * 86400000000)`,
  `pg_justified_months(months, days, micros) AS pg_justified(months - pg_back(months, days * 86400000000 + micros),
     days + 30 * pg_back(months, days * 86400000000 + micros), micros)`,
  `pg_justified_interval(months, days, micros) AS pg_justified_months(months + days // 30, days % 30, micros)`,
  `justify_hours(i) AS pg_justified(pg_months(i), date_part('day', i) + pg_micros(i) // 86400000000, pg_micros(i) % 86400000000)`,
  `pg_justified_days(months, days, micros) AS pg_interval(months - pg_back(months, days), days + 30 * pg_back(months, days), micros)`,
  `justify_days(i) AS pg_justified_days(pg_months(i) + date_part('day', i) // 30, date_part('day', i) % 30, pg_micros(i))`,
  `justify_interval(i) AS pg_justified_interval(pg_months(i), date_part('day', i) + pg_micros(i) // 86400000000, pg_micros(i) % 86400000000)`,
  `pg_overlapping(from1, to1, from2, to2) AS CASE WHEN from1 IS NULL OR from2 IS NULL THEN NULL
     WHEN from1 > from2 THEN CASE WHEN to2 IS NULL THEN NULL WHEN from1 < to2 THEN TRUE WHEN to1 IS NULL THEN NULL ELSE FALSE END
     WHEN from1 < from2 THEN CASE WHEN to1 IS NULL THEN NULL WHEN from2 < to1 THEN TRUE WHEN to2 IS NULL THEN NULL ELSE FALSE END
     WHEN to1 IS NULL OR to2 IS NULL THEN NULL ELSE TRUE END`,
  `pg_overlaps(a, b, c, d) AS pg_overlapping(least(a, b), CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN greatest(a, b) END,
     least(c, d), CASE WHEN c IS NOT NULL AND d IS NOT NULL THEN greatest(c, d) END)`,
  `pg_interval_scale(i, f) AS pg_interval(trunc(pg_months(i) * f),
     trunc(date_part('day', i) * f + (pg_months(i) * f - trunc(pg_months(i) * f)) * 30),
     round_even(pg_micros(i) * f + ((date_part('day', i) * f + (pg_months(i) * f - trunc(pg_months(i) * f)) * 30)
       - trunc(date_part('day', i) * f + (pg_months(i) * f - trunc(pg_months(i) * f)) * 30)) * 86400000000, 0))`,
  `pg_to_timestamp(s, format) AS timezone('UTC', pg_parse_timestamp(s, format))`,
  `to_date(s, format) AS pg_parse_timestamp(s, format)::DATE`,
  `to_number(s, format) AS regexp_replace(s, '[^0-9.-]', '', 'g')::DECIMAL(38, 10)`,
  // Arrays
  `pg_array_length(a, n) AS CASE WHEN n = 1 AND len(a) > 0 THEN len(a)::INTEGER END`,
  `pg_subscript(a, i) AS CASE WHEN i > 0 THEN a[i] END`,
  `pg_slice(a, l, u) AS CASE WHEN l IS NULL OR u IS NULL THEN NULL WHEN u < greatest(l, 1) THEN a[1:0] ELSE a[greatest(l, 1):u] END`,
  `pg_array_remove(a, x) AS list_filter(a, lambda v: v IS DISTINCT FROM x)`,
  `array_replace(a, x, y) AS list_transform(a, lambda v: CASE WHEN v IS NOT DISTINCT FROM x THEN y ELSE v END)`,
  `pg_array_cat(a, b) AS CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a ELSE list_concat(a, b) END`,
  `pg_join(texts, delimiter) AS CASE WHEN len(texts) = 0 THEN '' ELSE list_reduce(texts, lambda a, b: a || delimiter || b) END`,
  `pg_array_to_string(a, delimiter) AS pg_join(list_filter(a::VARCHAR[], lambda v: v IS NOT NULL), delimiter),
   (a, delimiter, null_text) AS pg_join(list_transform(a::VARCHAR[], lambda v: coalesce(v, null_text)), delimiter)`,
  `pg_array_contains(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN list_has_all(a, b) AND len(list_filter(b, lambda v: v IS NULL)) = 0 END`,
  // `x op ANY (a)`, `hit` whether it holds for any element that is not NULL.
  `pg_any(hit, x, a) AS CASE WHEN a IS NULL THEN NULL WHEN len(a) = 0 THEN FALSE WHEN x IS NULL THEN NULL WHEN hit THEN TRUE
     WHEN list_count(a) < len(a) THEN NULL ELSE FALSE END`,
  `pg_array_text(a) AS pg_list_text(a::VARCHAR[])`,
  // JSON
  `pg_json_typeof(j) AS CASE json_type(j) WHEN 'VARCHAR' THEN 'string' WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array'
     WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' WHEN 'DOUBLE' THEN 'number' WHEN 'BIGINT' THEN 'number' WHEN 'UBIGINT' THEN 'number' END`,
  `pg_json_array_length(j) AS CASE WHEN json_type(j) <> 'ARRAY' THEN error('cannot get array length of a non-array') ELSE json_array_length(j)::INTEGER END`,
  `pg_json_path(j, path) AS json_extract(j, array_to_string(list_transform(path, lambda k: '/' || replace(replace(k, '~', '~0'), '/', '~1')), ''))`,
  `pg_json_path_text(j, path) AS json_extract_string(j, array_to_string(list_transform(path, lambda k: '/' || replace(replace(k, '~', '~0'), '/', '~1')), ''))`,
  // Functions in FROM
  `regexp_split_to_table(s, pattern) AS TABLE SELECT unnest(string_split_regex(s, pattern)) AS regexp_split_to_table`,
  `string_to_table(s, delimiter) AS TABLE SELECT unnest(pg_string_to_array(s, delimiter)) AS string_to_table`,
  ...['json', 'jsonb'].flatMap((kind) => [
    `${kind}_array_elements(j) AS TABLE SELECT unnest(json_extract(j, '$[*]')) AS value`,
    `${kind}_array_elements_text(j) AS TABLE SELECT unnest(json_extract_string(j, '$[*]')) AS value`,
    `${kind}_object_keys(j) AS TABLE SELECT unnest(json_keys(j)) AS keys`,
  ]),
];
