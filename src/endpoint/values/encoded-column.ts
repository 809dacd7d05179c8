/**
 * The values of one column of a batch, laid out column by column: first every column says how many bytes its values take,
 * so that the place of each row is known, then every column puts its fields there. Loops over one column are several times
 * faster than loops over the columns of one row.
 */

/** Most rows laid out at once. */
export const ROWS_PER_STEP = 256;

export interface EncodedColumn {
  /** Adds to `sizes` the bytes of the values of rows `from` up to `to`, at most {@link ROWS_PER_STEP}; NULLs have none. */
  measure(sizes: Int32Array, from: number, to: number): void;
  /**
   * Puts the fields of the rows just measured — a length word, -1 for NULL, and the value — at `places`, and moves these
   * behind them.
   */
  write(target: Target, places: Int32Array, from: number, to: number): void;
}

export interface Target {
  readonly buffer: Buffer;
  readonly view: DataView;
}

/** Which rows have a value: Arrow's bitmap, undefined when all have. */
export interface Validity {
  readonly bits: Uint8Array | undefined;
  readonly offset: number;
}

const isNull = ({ bits, offset }: Validity, row: number): boolean => {
  const place = row + offset;
  return bits !== undefined && (((bits[place >> 3] ?? 0) >> (place & 7)) & 1) === 0;
};

/** Values of `width` bytes each. */
export function fixedWidth(
  width: number,
  validity: Validity,
  put: (view: DataView, at: number, row: number) => void,
): EncodedColumn {
  return {
    measure(sizes, from, to) {
      for (let row = from; row < to; row++) if (!isNull(validity, row)) sizes[row - from]! += width;
    },
    write({ view }, places, from, to) {
      for (let row = from; row < to; row++) {
        const at = places[row - from]!;
        if (isNull(validity, row)) {
          view.setInt32(at, -1);
          places[row - from] = at + 4;
        } else {
          view.setInt32(at, width);
          put(view, at + 4, row);
          places[row - from] = at + 4 + width;
        }
      }
    },
  };
}

/** Values that lie in `bytes` already; `lead` is a byte that comes before each, 0 for none. */
export function contiguous(bytes: Uint8Array, offsets: Int32Array, validity: Validity, lead = 0): EncodedColumn {
  const extra = lead === 0 ? 0 : 1;
  return {
    measure(sizes, from, to) {
      for (let row = from; row < to; row++) {
        if (!isNull(validity, row)) sizes[row - from]! += offsets[row + 1]! - offsets[row]! + extra;
      }
    },
    write({ buffer, view }, places, from, to) {
      for (let row = from; row < to; row++) {
        let at = places[row - from]! + 4;
        if (isNull(validity, row)) view.setInt32(at - 4, -1);
        else {
          const start = offsets[row]!;
          const end = offsets[row + 1]!;
          view.setInt32(at - 4, end - start + extra);
          if (extra === 1) buffer[at++] = lead;
          copy(bytes, start, end, buffer, at);
          at += end - start;
        }
        places[row - from] = at;
      }
    },
  };
}

/** Where values are composed before their place is known. Measuring and writing happen in one go, so one is enough. */
let scratch = Buffer.allocUnsafe(64 * 1024);
let used = 0;

/** To be called before the columns of some rows are measured. */
export function clearScratch(): void {
  used = 0;
}

/** Room for `bytes` more. */
function reserve(bytes: number): void {
  if (used + bytes <= scratch.length) return;
  const grown = Buffer.allocUnsafe(Math.max(used + bytes, scratch.length * 2));
  scratch.copy(grown, 0, 0, used);
  scratch = grown;
}

/**
 * Values of different lengths.
 * @param most bytes that a value takes at most
 * @param put puts a value's bytes at a place and answers with the place behind them
 */
export function composed(
  most: number,
  validity: Validity,
  put: (buffer: Buffer, at: number, row: number) => number,
): EncodedColumn {
  const ends = new Int32Array(ROWS_PER_STEP);
  let begin = 0;
  return {
    measure(sizes, from, to) {
      reserve((to - from) * most);
      begin = used;
      for (let row = from; row < to; row++) {
        const start = used;
        if (!isNull(validity, row)) used = put(scratch, start, row);
        ends[row - from] = used;
        sizes[row - from]! += used - start;
      }
    },
    write({ buffer, view }, places, from, to) {
      let start = begin;
      for (let row = from; row < to; row++) {
        const at = places[row - from]!;
        const end = ends[row - from]!;
        if (isNull(validity, row)) view.setInt32(at, -1);
        else {
          view.setInt32(at, end - start);
          copy(scratch, start, end, buffer, at + 4);
        }
        places[row - from] = at + 4 + end - start;
        start = end;
      }
    },
  };
}

/** Values that come as bytes of their own. */
export function separate(validity: Validity, bytesOf: (row: number) => Uint8Array): EncodedColumn {
  const pieces: Uint8Array[] = [];
  return {
    measure(sizes, from, to) {
      for (let row = from; row < to; row++) {
        const piece = isNull(validity, row) ? NOTHING : bytesOf(row);
        pieces[row - from] = piece;
        sizes[row - from]! += piece.length;
      }
    },
    write({ buffer, view }, places, from, to) {
      for (let row = from; row < to; row++) {
        const at = places[row - from]!;
        const piece = pieces[row - from]!;
        view.setInt32(at, isNull(validity, row) ? -1 : piece.length);
        buffer.set(piece, at + 4);
        places[row - from] = at + 4 + piece.length;
      }
    },
  };
}

const NOTHING = new Uint8Array(0);

/** The call into native code costs more than copying a short value by hand. */
function copy(bytes: Uint8Array, start: number, end: number, to: Buffer, at: number): void {
  if (end - start > 48) to.set(bytes.subarray(start, end), at);
  else for (let from = start, put = at; from < end; from++, put++) to[put] = bytes[from]!;
}
