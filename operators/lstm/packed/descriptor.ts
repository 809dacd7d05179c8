/**
 * What a kernel is told about one layer of one slice: 32-bit words in the shared arena, in this order. Pointers are byte
 * offsets into the arena. The kernels (../assembly/kernel.ts, ../native/kernel.c) read the same words by number.
 */
const WORDS = [
  /** Windows of this slice in this batch; steps per window. */
  'rows',
  'steps',
  /** Columns of a Z row: inputs (with padding), then ones for the biases, then hidden values. */
  'inputs',
  'columns',
  'hidden',
  /** Floats from one Z row to the next. */
  'stride',
  'z',
  /** Gates: per group of units, rows of 4 × lanes values; bytes from one group to the next. */
  'g',
  'gStride',
  /** Cells (LSTM) or hidden values (GRU): (steps + 1) × rows × hidden. */
  'c',
  'carry',
  /** Slopes of the hidden values: steps × rows × hidden when `dhEvery`, else of the last step only. */
  'dh',
  'dhEvery',
  'weights',
  'transposed',
  'gradient',
  /** 0: LSTM, 1: GRU. */
  'cell',
  /** First hidden value of the layer below (0: there is none), and floats from row to row there. */
  'below',
  'belowStride',
  /** Dropout of the inputs: seed, threshold of the hash (0: none), factor of what is kept (a float), and the hash's index. */
  'seed',
  'threshold',
  'keep',
  'example',
  'exampleStride',
  'logicalHidden',
  /** Where slopes of the inputs go; 0: they are not needed. */
  'dx',
  /** First column of a Z row that belongs to the state. */
  'stateFrom',
  /** Room for one tile of products. */
  'scratch',
] as const;

type Word = (typeof WORDS)[number];

/** Position of each word. */
export const WORD = Object.freeze(Object.fromEntries(WORDS.map((word, i) => [word, i]))) as Readonly<
  Record<Word, number>
>;

export const DESCRIPTOR_BYTES = WORDS.length * 4;
