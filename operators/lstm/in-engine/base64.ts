/** Base64 (RFC 4648 §4) where there is nothing but the language: engines give their code neither Buffer nor atob. */

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export function bytesOf(text: string): Uint8Array {
  const digits = text.replace(/=+$/, '');
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  let at = 0;
  for (let i = 0; i < digits.length; i++) {
    bits = (bits << 6) | DIGITS.indexOf(digits[i]!);
    if (i % 4 > 0) bytes[at++] = (bits >> (6 - 2 * (i % 4))) & 255;
  }
  return bytes;
}

/** Little-endian float32. */
export const floatsOf = (text: string): Float32Array => new Float32Array(bytesOf(text).buffer);

export function base64Of({ buffer, byteLength, byteOffset }: Float32Array): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const bits = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = [18, 12, 6, 0].map((shift) => DIGITS[(bits >> shift) & 63]).join('');
    text += i + 2 < bytes.length ? digits : digits.slice(0, bytes.length - i + 1).padEnd(4, '=');
  }
  return text;
}
