#!/usr/bin/env bash
# npm run test:engines: brings the engines into build/engines (kept between runs), then runs the suites.
set -euo pipefail
cd "$(dirname "$0")/../.."
variables=$(bash test/engines/install.sh build/engines)
eval "$variables"
exec npx vitest run --config test/engines/vitest.config.ts --root . "$@"
