#!/usr/bin/env node
// Read once by libuv, when its first thread starts: running queries must not starve the file system (docs/design.md §7).
// So it is set before anything that may need a thread is even loaded.
process.env.UV_THREADPOOL_SIZE ??= '16';

await import('./program.ts');
