#!/usr/bin/env bash
# npm run test:clients: installs the clients from Debian's packages, then runs the suite.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash test/clients/install.sh
exec npx vitest run --config test/clients/vitest.config.ts "$@"
