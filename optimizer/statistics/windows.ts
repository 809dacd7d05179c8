/** How many training windows so many rows hold. */
import type { Train } from '../../src/plan/training.ts';
import type { RelationEstimate } from './estimate.ts';

/** Parts of a calendar split are not known before the rows are read: what fractions are by default. */
const USUAL_PART = 0.8;

/** Windows that begin in the training part. Every entity's last rows begin none. */
export function trainingWindows(
  { entity, sequence, split }: Pick<Train, 'entity' | 'sequence' | 'split'>,
  { columns, rows }: RelationEstimate,
): number {
  const part = split.kind === 'fractions' ? 1 - split.validate - split.test : USUAL_PART;
  const entities = entity === undefined ? 1 : (columns.get(entity.id)?.distinct ?? 1);
  const trained = rows * part;
  const { window, horizon, stride } = sequence;
  // Too many entities for so few rows: their number is a guess, and every second row may begin a window.
  return Math.max(trained / 2, trained - entities * (window + horizon - 1)) / stride;
}
