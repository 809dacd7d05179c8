#!/usr/bin/env bash
# Installs the clients that `npm run test:clients` drives, from Debian's own packages.
set -euo pipefail
packages=(postgresql-client default-jdk-headless libpostgresql-jdbc-java odbc-postgresql unixodbc python3-psycopg2
  python3-psycopg python3-sqlalchemy python3-asyncpg python3-pandas r-cran-rpostgresql)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
sudo=$([ "$(id -u)" -eq 0 ] || echo sudo)
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
