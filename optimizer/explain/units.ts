/** Numbers as people read them. */

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `12,345`. */
export const countText = (count: number): string => grouped.format(Math.round(count));

export const rowsText = (rows: number): string => {
  const rounded = Math.round(rows);
  return `${grouped.format(rounded)} row${rounded === 1 ? '' : 's'}`;
};

/** `0.4 ms`, `12 ms`, `3.2 s`, `4.1 min`. */
export function timeText(seconds: number): string {
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 120 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`;
}

/** `17 B`, `1.2 kB`, `38 MB`: powers of ten. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  for (const [unit, size] of [
    ['kB', 1e3],
    ['MB', 1e6],
    ['GB', 1e9],
  ] as const) {
    const value = bytes / size;
    if (value < 10) return `${value.toFixed(1)} ${unit}`;
    if (value < 1000 || unit === 'GB') return `${Math.round(value)} ${unit}`;
  }
  return '';
}

/** `850 MFLOP/s`, `4.8 GFLOP/s`. */
export const rateText = (flopsPerSecond: number): string =>
  flopsPerSecond < 1e9 ? `${Math.round(flopsPerSecond / 1e6)} MFLOP/s` : `${(flopsPerSecond / 1e9).toFixed(1)} GFLOP/s`;

/** The q-error to one decimal; exact estimates are worth a word. */
export const errorText = (q: number): string =>
  q < 1.05 ? 'as estimated' : `${q < 100 ? q.toFixed(1) : Math.round(q)} × off`;
