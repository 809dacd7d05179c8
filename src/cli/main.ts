#!/usr/bin/env node
import './runtime.ts';

// Loaded after it, not with it.
await import('./program.ts');
