#!/usr/bin/env bash
# Installs what the tests ask: PostgreSQL, MariaDB, Redis, and Chromium for the pages. `npm test` starts its own servers, on
# private ports, as an ordinary user, and stops them; nothing that is installed here is left running.
set -euo pipefail

PATH=$PATH:/usr/sbin:/usr/local/sbin
missing=()
has() { command -v "$1" >/dev/null; }
{ has initdb && has postgres; } || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
{ has mariadbd && has mariadb-install-db; } || missing+=(mariadb-server-core mariadb-client-core)
has redis-server || missing+=(redis-server)
has openssl || missing+=(openssl)
has chromium || has chromium-browser || has google-chrome || missing+=(chromium)

if [ ${#missing[@]} -eq 0 ]; then
  echo "PostgreSQL, MariaDB, Redis, openssl and Chromium are installed."
  exit 0
fi

if ! has apt-get; then
  cat >&2 <<END
Missing: ${missing[*]} (names of Debian packages), and there is no apt-get here to install them.
Install PostgreSQL, MariaDB, Redis, openssl and Chromium in the way of your system, for example with Homebrew:
  brew install postgresql mariadb redis openssl && brew install --cask chromium
Their programs (initdb, postgres, mariadbd, mariadb-install-db, redis-server, openssl, chromium) must be in the PATH.
END
  exit 1
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
  if ! has sudo; then
    echo "Missing: ${missing[*]}. As root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  sudo=sudo
fi
as_root() { $sudo env DEBIAN_FRONTEND=noninteractive "$@"; }

# Debian starts a service once it is installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
finish() { [ -z "${placed:-}" ] || as_root rm -f "$policy"; }
trap finish EXIT
if [ ! -e "$policy" ]; then
  placed=yes
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod +x "$policy"
fi

# MariaDB takes the place of MySQL, which only a machine that is thrown away may do without being asked.
keep=--no-remove
[ "${CI:-}" != true ] || keep=
echo "Installing ${missing[*]}"
as_root apt-get update -qq
# shellcheck disable=SC2086 # It may be no argument at all.
as_root apt-get install -y -qq --no-install-recommends $keep "${missing[@]}"

# Nor may they start with the machine, where it is systemd that would.
if [ -d /run/systemd/system ]; then
  for service in "${missing[@]}"; do
    as_root systemctl disable --now "$service" 2>/dev/null || true
  done
fi
