/** JSON strings as bytes of UTF-8. */

const BACKSLASH = 92;
const LETTER_U = 117;

/** What stands behind a backslash, by its byte. */
const ESCAPES: Readonly<Record<number, number>> = { 98: 8, 102: 12, 110: 10, 114: 13, 116: 9 };

/**
 * Writes the string between `from` and `to`, its JSON escapes resolved, into `target` from `at` on.
 * @returns where it ends in `target`.
 */
export function unescapeInto(target: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): number {
  let out = at;
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (byte !== BACKSLASH) {
      target[out++] = byte;
      continue;
    }
    const letter = bytes[++i]!;
    if (letter !== LETTER_U) {
      target[out++] = ESCAPES[letter] ?? letter;
      continue;
    }
    let code = hexNumber(bytes, i + 1);
    i += 4;
    // A high surrogate and the low one behind it are one character.
    if (code >= 0xd800 && code < 0xdc00 && bytes[i + 1] === BACKSLASH && bytes[i + 2] === LETTER_U) {
      code = 0x10000 + ((code - 0xd800) << 10) + (hexNumber(bytes, i + 3) - 0xdc00);
      i += 6;
    }
    out = writeCodePoint(target, out, code);
  }
  return out;
}

const hexNumber = (bytes: Uint8Array, at: number): number =>
  Number.parseInt(String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!), 16);

/** UTF-8 (RFC 3629 §3). */
function writeCodePoint(target: Uint8Array, at: number, code: number): number {
  let out = at;
  if (code < 0x80) target[out++] = code;
  else {
    if (code < 0x800) target[out++] = 0xc0 | (code >> 6);
    else {
      if (code < 0x10000) target[out++] = 0xe0 | (code >> 12);
      else {
        target[out++] = 0xf0 | (code >> 18);
        target[out++] = 0x80 | ((code >> 12) & 0x3f);
      }
      target[out++] = 0x80 | ((code >> 6) & 0x3f);
    }
    target[out++] = 0x80 | (code & 0x3f);
  }
  return out;
}
