/** What must be said to Node's parts before anything else is loaded. */
import { setFlagsFromString } from 'node:v8';

// Read once by libuv, when its first thread starts: running queries must not starve the file system (docs/design.md §7).
process.env.UV_THREADPOOL_SIZE ??= '16';

// V8 counts bytes that stream through (payloads, batches) as if they were heap, and a process that allocates little else
// has its whole heap marked every 10 MB of them: two fifths of a round's processor time. It may double first.
setFlagsFromString('--heap-growing-percent=100');
