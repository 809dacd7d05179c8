/** Stands for modules whose work an engine's code is never asked for: threads, native kernels, classes, changes. */
export const Worker = undefined;
export const readFileSync = undefined;
export const nativeKernels = undefined;
export const mergeClassifications = undefined;
export const ClassificationCounter = undefined;
export const changeSums = undefined;
