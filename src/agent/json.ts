/** JSON for plans and specs: big integers, which literals and calendar cuts hold, keep their type. */

export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? { $bigint: String(each) } : each));

export const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, each: unknown) => {
    if (typeof each !== 'object' || each === null || !('$bigint' in each)) return each;
    return BigInt(String(each.$bigint));
  });
