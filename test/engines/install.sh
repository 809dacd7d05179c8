#!/usr/bin/env bash
# Brings what the suites of test/engines drive: MariaDB (Debian), ONNX Runtime and fakesnow (pip), bigquery-emulator (Go), and
# test/engines/lake's engines.
# Prints the variables the tests look for. What cannot be brought is said on stderr, and its tests skip with a reason.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
to=${1:?usage: install.sh folder}
mkdir -p "$to"; to=$(cd "$to" && pwd)

bash "$here/lake/install.sh" "$to"

if ! command -v mariadbd >/dev/null; then
  sudo=$([ "$(id -u)" -eq 0 ] || echo sudo)
  { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server; } >&2 ||
    echo "no MariaDB: apt-get failed" >&2
fi
if [ -x "$to/python/bin/python" ] && "$to/python/bin/pip" -q install 'onnxruntime>=1.20' numpy >&2; then
  echo "export PYTHON=$to/python/bin/python"
else
  echo "no ONNX Runtime: pip failed" >&2
fi
# fakesnow asks for any snowflake-connector-python, and runs with version 4 only.
if [ -x "$to/fakesnow/bin/python" ] || { python3 -m venv "$to/fakesnow" && "$to/fakesnow/bin/pip" -q install 'fakesnow[server]==0.11.14' 'snowflake-connector-python==4.0.0' >&2; }; then
  echo "export FAKESNOW_PYTHON=$to/fakesnow/bin/python"
else
  echo "no fakesnow: pip failed" >&2
fi
# Its GoogleSQL is generated code: the first build takes six minutes of one core, later ones seconds. By a module of its own, as `go install`
# asks for a list of versions that a proxy may not give.
emulator=github.com/goccy/bigquery-emulator
go=$(command -v go || echo /usr/local/go/bin/go)
if [ ! -x "$to/bigquery-emulator" ] && [ -x "$go" ]; then
  mkdir -p "$to/bigquery-emulator-module"
  printf 'module build\n\ngo 1.25\n\nrequire %s v0.8.1\n' "$emulator" >"$to/bigquery-emulator-module/go.mod"
  # One package of it alone takes gigabytes and minutes to compile: one at a time, and not for ever.
  (cd "$to/bigquery-emulator-module" && GOFLAGS='-mod=mod -p=1' timeout 1200 "$go" build -o "$to/bigquery-emulator" "$emulator/cmd/bigquery-emulator" >&2)
fi
if [ -x "$to/bigquery-emulator" ]; then
  echo "export BIGQUERY_EMULATOR=$to/bigquery-emulator"
else
  echo "no bigquery-emulator: go is absent, or its build failed or took over 20 minutes" >&2
fi
