#!/bin/sh
# What has to be there before the first npm script can run: npm itself, and the dependencies of the lock file.
# Everything else (packages, programs of the cluster) is checked by the step that needs it.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: npm is missing, installing the packages nodejs and npm"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs npm >/dev/null
  else
    echo "setup: npm is missing: install Node.js 20 or newer with npm, then run this again" >&2
    exit 1
  fi
fi
lock=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat node_modules/.granary-lock 2>/dev/null || true)" != "$lock" ]; then
  echo "setup: npm ci (the lock file changed)"
  npm ci --no-audit --no-fund --loglevel=error
  echo "$lock" >node_modules/.granary-lock
fi
