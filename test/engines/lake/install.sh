#!/usr/bin/env bash
# Brings the engines of test/engines/lake.test.ts into a folder: versitygw (Go), HDFS (Maven), delta-rs (pip).
# Prints the variables the tests look for. What cannot be brought is said, and its tests skip.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
to=${1:?usage: install.sh folder}
mkdir -p "$to"; to=$(cd "$to" && pwd)

if [ -x "$to/bin/versitygw" ] || GOBIN="$to/bin" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 >&2; then
  echo "export VERSITYGW=$to/bin/versitygw"
else
  echo "no versitygw: go install failed" >&2
fi
if [ -d "$to/hdfs" ] || mvn -q -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$to/hdfs" >&2; then
  echo "export HDFS_JARS=$to/hdfs"
else
  echo "no HDFS: mvn failed" >&2
fi
if [ -x "$to/python/bin/python" ] || { python3 -m venv "$to/python" && "$to/python/bin/pip" -q install 'deltalake==1.6.6' 'pyarrow>=20' >&2; }; then
  echo "export DELTA_PYTHON=$to/python/bin/python"
else
  echo "no delta-rs: pip failed" >&2
fi
