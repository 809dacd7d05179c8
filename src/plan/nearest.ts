/** The nearest known word, for error hints. */

/** Levenshtein distance, counting a swap of two neighbours as one step (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const cost = new Uint32Array((a.length + 1) * width);
  for (let i = 0; i <= a.length; i++) cost[i * width] = i;
  for (let j = 0; j <= b.length; j++) cost[j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j;
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(cost[at - width]! + 1, cost[at - 1]! + 1, cost[at - width - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, cost[at - 2 * width - 2]! + 1);
      }
      cost[at] = best;
    }
  }
  return cost[cost.length - 1]!;
}

/** The candidate nearest to `word` (case aside), or undefined when none is near enough to be a likely slip. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3) + 1);
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `Did you mean "x"?`, or what exists when nothing is near, or undefined when there is nothing at all. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const found = nearest(word, candidates);
  if (found !== undefined) return `Did you mean "${found}"?`;
  if (candidates.length === 0) return undefined;
  const shown = candidates.slice(0, 12).map((name) => `"${name}"`);
  return `Known: ${shown.join(', ')}${candidates.length > shown.length ? ', …' : ''}.`;
}
