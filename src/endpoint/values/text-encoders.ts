/** Writes digits and strings into a buffer at an offset, without making strings on the way. Each returns the new offset. */

/** A whole number, exact up to 2^53. */
export function writeInteger(buffer: Buffer, at: number, value: number): number {
  let rest = value;
  let start = at;
  if (rest < 0) {
    buffer[start++] = 0x2d;
    rest = -rest;
  }
  let end = start;
  // 32-bit arithmetic is several times faster than that on doubles.
  if (rest <= 0x7fffffff) {
    let small = rest | 0;
    do {
      const next = (small / 10) | 0;
      buffer[end++] = 48 + small - next * 10;
      small = next;
    } while (small !== 0);
  } else {
    do {
      const next = Math.floor(rest / 10);
      buffer[end++] = 48 + rest - next * 10;
      rest = next;
    } while (rest !== 0);
  }
  for (let i = start, j = end - 1; i < j; i++, j--) {
    const digit = buffer[i]!;
    buffer[i] = buffer[j]!;
    buffer[j] = digit;
  }
  return end;
}

/** `value` with exactly `width` digits. */
export function writePadded(buffer: Buffer, at: number, value: number, width: number): number {
  let rest = value;
  for (let i = at + width - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    buffer[i] = 48 + rest - next * 10;
    rest = next;
  }
  return at + width;
}

/** A string of ASCII characters. */
export function writeAscii(buffer: Buffer, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) buffer[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** `04:05:06.789` of microseconds since midnight. */
export function writeTime(buffer: Buffer, at: number, micros: number): number {
  const seconds = Math.floor(micros / 1e6);
  let fraction = micros - seconds * 1e6;
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  let end = writePadded(buffer, at, hours, 2);
  buffer[end++] = 0x3a;
  end = writePadded(buffer, end, minutes - hours * 60, 2);
  buffer[end++] = 0x3a;
  end = writePadded(buffer, end, seconds - minutes * 60, 2);
  if (fraction === 0) return end;
  buffer[end++] = 0x2e;
  let width = 6;
  while (fraction % 10 === 0) {
    fraction /= 10;
    width--;
  }
  return writePadded(buffer, end, fraction, width);
}
