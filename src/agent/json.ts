/** JSON for plans, specs and keys: big integers and bytes, which JSON does not have, keep their type. */

export const toJson = (value: unknown): string =>
  JSON.stringify(value, function (this: Record<string, unknown>, key, each: unknown) {
    if (typeof each === 'bigint') return { $bigint: String(each) };
    // A Buffer has a toJSON of its own that has run already: look at the value itself.
    const itself = this[key];
    return itself instanceof Uint8Array ? { $bytes: Buffer.from(itself).toString('base64') } : each;
  });

/**
 * The same of an object's fields one by one; those that are objects are written once for all that say the same object,
 * as a cohort's keys are said to each of its silos. They must not change any more.
 */
export function fieldsToJson(fields: object): string {
  const texts = Object.entries(fields).flatMap(([name, value]: [string, unknown]) =>
    value === undefined ? [] : [`${JSON.stringify(name)}:${written(value)}`],
  );
  return `{${texts.join(',')}}`;
}

const texts = new WeakMap<object, string>();

function written(value: unknown): string {
  if (typeof value !== 'object' || value === null) return toJson(value);
  const text = texts.get(value) ?? toJson(value);
  texts.set(value, text);
  return text;
}

export const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, each: unknown) => {
    if (typeof each !== 'object' || each === null) return each;
    if ('$bigint' in each) return BigInt(String(each.$bigint));
    return '$bytes' in each ? new Uint8Array(Buffer.from(String(each.$bytes), 'base64')) : each;
  });
