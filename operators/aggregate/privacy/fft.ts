/** The discrete Fourier transform in place, for lengths that are powers of two (Cooley and Tukey 1965). */

/** Transforms (re, im). `direction` −1 is forward; +1 is backward without the division by n. */
export function fft(re: Float64Array, im: Float64Array, direction: 1 | -1): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j]!, re[i]!];
      [im[i], im[j]] = [im[j]!, im[i]!];
    }
  }
  const cos = new Float64Array(n >> 1);
  const sin = new Float64Array(n >> 1);
  for (let k = 0; k < n >> 1; k++) {
    cos[k] = Math.cos((2 * Math.PI * k) / n);
    sin[k] = direction * Math.sin((2 * Math.PI * k) / n);
  }
  for (let size = 2; size <= n; size <<= 1) {
    const half = size >> 1;
    const stride = n / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0, at = start; k < half; k++, at++) {
        const wr = cos[k * stride]!;
        const wi = sin[k * stride]!;
        const br = re[at + half]! * wr - im[at + half]! * wi;
        const bi = re[at + half]! * wi + im[at + half]! * wr;
        re[at + half] = re[at]! - br;
        im[at + half] = im[at]! - bi;
        re[at] = re[at]! + br;
        im[at] = im[at]! + bi;
      }
    }
  }
}
