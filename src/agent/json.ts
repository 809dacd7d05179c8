/** JSON for plans, specs and keys: big integers and bytes, which JSON does not have, keep their type. */

export const toJson = (value: unknown): string =>
  JSON.stringify(value, function (this: Record<string, unknown>, key, each: unknown) {
    if (typeof each === 'bigint') return { $bigint: String(each) };
    // A Buffer has a toJSON of its own that has run already: look at the value itself.
    const itself = this[key];
    return itself instanceof Uint8Array ? { $bytes: Buffer.from(itself).toString('base64') } : each;
  });

export const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, each: unknown) => {
    if (typeof each !== 'object' || each === null) return each;
    if ('$bigint' in each) return BigInt(String(each.$bigint));
    return '$bytes' in each ? new Uint8Array(Buffer.from(String(each.$bytes), 'base64')) : each;
  });
