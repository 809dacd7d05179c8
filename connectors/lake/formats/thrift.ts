/**
 * Thrift's compact protocol (Apache Thrift, "Thrift Compact protocol encoding"), in which Parquet's metadata is written: bytes to
 * a tree that knows field numbers and types but no names, and back. What is not changed is written as it was read.
 */
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';

/** Type codes of the protocol; 1 and 2 are true and false. */
export const TYPE = {
  true: 1,
  false: 2,
  i8: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
} as const;

export interface Field {
  readonly type: number;
  readonly value: Value;
}

/** By field number, in the order of the bytes. */
export type Struct = ReadonlyMap<number, Field>;

export interface List {
  readonly of: number;
  readonly items: readonly Value[];
}

interface Pairs {
  readonly keys: List;
  readonly values: List;
}

/** Integers are bigint where a number would round them; doubles and uuids are their bytes. */
export type Value = boolean | number | bigint | Uint8Array | List | Pairs | Struct;

/** @throws CausewayError XX001 for bytes that are no struct */
export function decodeStruct(bytes: Uint8Array): Struct {
  return new Decoder(bytes).struct();
}

export function encodeStruct(struct: Struct): Uint8Array {
  const parts: Uint8Array[] = [];
  writeStruct(struct, parts);
  return Buffer.concat(parts);
}

const damaged = (why: string): CausewayError =>
  new CausewayError(SQLSTATE.dataCorrupted, `Parquet metadata is damaged: ${why}`);

/** Values within values; deeper ones are no metadata of a table. */
const DEEPEST = 64;

class Decoder {
  #at = 0;
  #depth = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  struct(): Struct {
    if (++this.#depth > DEEPEST) throw damaged('it is nested too deeply');
    const fields = new Map<number, Field>();
    for (let last = 0; ; ) {
      const header = this.#byte();
      if (header === 0) break;
      const [delta, type] = [header >> 4, header & 15];
      last = delta > 0 ? last + delta : Number(this.#zigzag());
      fields.set(last, {
        type,
        value: type === TYPE.true || type === TYPE.false ? type === TYPE.true : this.#value(type),
      });
    }
    this.#depth--;
    return fields;
  }

  #value(type: number): Value {
    switch (type) {
      // In lists, a boolean takes a byte.
      case TYPE.true:
      case TYPE.false:
        return this.#byte() === TYPE.true;
      case TYPE.i8:
        return this.#byte();
      case TYPE.i16:
      case TYPE.i32:
      case TYPE.i64:
        return this.#zigzag();
      case TYPE.double:
        return this.#take(8);
      case TYPE.binary:
        return this.#take(Number(this.#varint()));
      case TYPE.list:
      case TYPE.set: {
        const header = this.#byte();
        const [short, of] = [header >> 4, header & 15];
        return this.#list(short === 15 ? this.#count() : short, of);
      }
      case TYPE.map: {
        const length = this.#count();
        const types = length === 0 ? 0 : this.#byte();
        const [keys, values]: [Value[], Value[]] = [[], []];
        for (let i = 0; i < length; i++) {
          keys.push(this.#value(types >> 4));
          values.push(this.#value(types & 15));
        }
        return { keys: { of: types >> 4, items: keys }, values: { of: types & 15, items: values } };
      }
      case TYPE.struct:
        return this.struct();
      case 13: // uuid
        return this.#take(16);
      default:
        throw damaged(`it holds a value of unknown type ${type}`);
    }
  }

  #list(length: number, of: number): List {
    return { of, items: Array.from({ length }, () => this.#value(of)) };
  }

  /** A count of elements, each of which takes a byte at least. */
  #count(): number {
    const count = Number(this.#varint());
    if (count > this.#bytes.length) throw damaged(`it claims ${count} elements in ${this.#bytes.length} bytes`);
    return count;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw damaged('it ends inside a value');
    return byte;
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw damaged('it ends inside a value');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #varint(): number | bigint {
    let small = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.#byte();
      small += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return small;
    }
    let large = BigInt(small);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      large += BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return large;
    }
    throw damaged('a number has more than 64 bits');
  }

  #zigzag(): number | bigint {
    const raw = this.#varint();
    if (typeof raw === 'number') return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
    return (raw & 1n) === 0n ? raw >> 1n : -((raw + 1n) >> 1n);
  }
}

function writeStruct(struct: Struct, parts: Uint8Array[]): void {
  let last = 0;
  for (const [id, { type: given, value }] of struct) {
    const type = typeof value === 'boolean' ? (value ? TYPE.true : TYPE.false) : given;
    const delta = id - last;
    if (delta > 0 && delta < 16) parts.push(Uint8Array.of((delta << 4) | type));
    else parts.push(Uint8Array.of(type), zigzag(id));
    if (typeof value !== 'boolean') writeValue(type, value, parts);
    last = id;
  }
  parts.push(Uint8Array.of(0));
}

function writeValue(type: number, value: Value, parts: Uint8Array[]): void {
  if (typeof value === 'boolean') parts.push(Uint8Array.of(value ? TYPE.true : TYPE.false));
  else if (typeof value === 'number' || typeof value === 'bigint') {
    parts.push(type === TYPE.i8 ? Uint8Array.of(Number(value)) : zigzag(value));
  } else if (value instanceof Uint8Array) {
    parts.push(...(type === TYPE.binary ? [varint(BigInt(value.length)), value] : [value]));
  } else if (value instanceof Map) writeStruct(value, parts);
  else if ('items' in (value as object)) {
    const { of, items } = value as List;
    if (items.length < 15) parts.push(Uint8Array.of((items.length << 4) | of));
    else parts.push(Uint8Array.of(0xf0 | of), varint(BigInt(items.length)));
    for (const item of items) writeValue(of, item, parts);
  } else {
    const { keys, values } = value as Pairs;
    parts.push(varint(BigInt(keys.items.length)));
    if (keys.items.length > 0) parts.push(Uint8Array.of((keys.of << 4) | values.of));
    keys.items.forEach((key, i) => {
      writeValue(keys.of, key, parts);
      writeValue(values.of, values.items[i]!, parts);
    });
  }
}

const zigzag = (value: number | bigint): Uint8Array => {
  const big = BigInt(value);
  return varint(big >= 0n ? big * 2n : big * -2n - 1n);
};

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    if (rest < 0x80n) return Uint8Array.from([...bytes, low]);
    bytes.push(low | 0x80);
  }
}

/** Field `id` of a struct as a struct. */
export const structAt = (struct: Struct | undefined, id: number): Struct | undefined => {
  const value = struct?.get(id)?.value;
  return value instanceof Map ? value : undefined;
};

/** The items of the list in field `id`. */
export const itemsAt = (struct: Struct | undefined, id: number): readonly Value[] => {
  const value = struct?.get(id)?.value;
  return typeof value === 'object' && 'items' in value ? value.items : [];
};

/** The number in field `id`. */
export const numberAt = (struct: Struct | undefined, id: number): number | undefined => {
  const value = struct?.get(id)?.value;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
};
