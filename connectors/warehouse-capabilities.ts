/**
 * What SQL warehouses with exact decimals and text in code point order answer as PostgreSQL does: the part of their tables that
 * is the same. Where one differs its own table says so.
 */
import { each, type FunctionSupport } from './capabilities.ts';

const INTEGERS = each('smallint integer bigint', 'exact');
const NUMBERS = each('smallint integer bigint numeric double', 'exact');
export const TEXTS = each('text varchar unknown', 'exact');
const MOMENTS = each('date timestamp', 'exact');

/** What is equal and ordered as in PostgreSQL everywhere; doubles are where NaN is. */
export const DISCRETE = {
  ...INTEGERS,
  ...TEXTS,
  ...MOMENTS,
  ...each('numeric boolean time timestamptz bytea', 'exact'),
};

/** What a field may be taken from: a date has no hour in PostgreSQL, a timestamptz depends on the session's zone. */
const fieldSupport = (field: string): FunctionSupport =>
  field === 'hour' || field === 'minute' ? each('timestamp time', 'exact') : MOMENTS;

/**
 * @param fields that `extract` may name
 * @param units that `date_trunc` may name
 */
export const commonFunctions = (
  fields: readonly string[],
  units: readonly string[],
): Readonly<Record<string, FunctionSupport>> => ({
  ...each('and or not is_null is_not_null text_collate_c', 'exact'),
  ...each('ceil floor', each('numeric double', 'exact')),
  ...each('|| length char_length substring btrim ltrim rtrim replace strpos reverse starts_with', TEXTS),
  // A pattern, not a place.
  'substring(text,text)': 'none',
  ...Object.fromEntries(fields.map((field) => [`extract('${field}')`, fieldSupport(field)])),
  ...Object.fromEntries(units.map((unit) => [`date_trunc('${unit}')`, each('timestamp', 'exact')])),
  'cast:double': { ...INTEGERS, numeric: 'exact' },
  'cast:text': { ...INTEGERS, varchar: 'exact', date: 'exact' },
});

export const COMMON_AGGREGATES: Readonly<Record<string, FunctionSupport>> = {
  ...each('count bool_and bool_or every row_number rank dense_rank', 'exact'),
  sum: NUMBERS,
  ...each('avg stddev stddev_samp stddev_pop variance var_samp var_pop', each('double', 'exact')),
};
