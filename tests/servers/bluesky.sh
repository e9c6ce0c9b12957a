#!/usr/bin/env bash
# A real Bluesky network on loopback, for integration tests, with a PostgreSQL and a Redis of its own; no system services.
#   apt-get install -y --no-install-recommends nodejs npm postgresql redis-server
#   npm install --prefix NPM @atproto/dev-env@0.3.215     (Node 18 to 22; needs 480 MB)
#   bluesky.sh up DIR PORT NPM      uses PORT … PORT+5, writes DIR/addresses.json once it answers
#   bluesky.sh down DIR
set -euo pipefail
CMD=${1:?up or down}; D=$(mkdir -p "${2:?folder}" && cd "$2" && pwd)
BIN=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
# PostgreSQL refuses to run as root
as_owner() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/bash -c "$1"; else bash -c "$1"; fi; }
if [ "$CMD" = down ]; then
  for f in node redis; do [ -f "$D/$f.pid" ] && kill "$(cat "$D/$f.pid")" 2>/dev/null || true; done
  [ -d "$D/data" ] && as_owner "$BIN/pg_ctl -D $D/data -m immediate stop >/dev/null" || true
  exit 0
fi
PORT=${3:?port}; NPM=$(cd "${4:?folder of npm}" && pwd)
if [ "$(id -u)" = 0 ]; then chown postgres "$D"; chmod 755 "$D"; fi
as_owner "$BIN/initdb -D $D/data -U uji --auth=trust -E UTF8 >$D/initdb.log"
as_owner "$BIN/pg_ctl -D $D/data -w -l $D/postgres.log -o '-p $((PORT + 4)) -k $D/data -c listen_addresses=127.0.0.1 -c fsync=off' start >/dev/null"
as_owner "$BIN/createdb -h 127.0.0.1 -p $((PORT + 4)) -U uji uji"
redis-server --port $((PORT + 5)) --bind 127.0.0.1 --save '' --appendonly no --daemonize yes --dir "$D" --pidfile "$D/redis.pid" >/dev/null
cp "$(dirname "$0")/bluesky.cjs" "$NPM/sejuk-bluesky.cjs" # modules are looked for beside the script
DB_POSTGRES_URL=postgres://uji@127.0.0.1:$((PORT + 4))/uji REDIS_HOST=127.0.0.1:$((PORT + 5)) LOG_ENABLED=false \
  node --no-deprecation "$NPM/sejuk-bluesky.cjs" "$PORT" >"$D/node.log" 2>"$D/node.errors" & echo $! >"$D/node.pid"
for _ in $(seq 600); do
  grep -q ^READY "$D/node.log" && break
  kill -0 "$(cat "$D/node.pid")" 2>/dev/null || { tail -5 "$D/node.errors" >&2; exit 1; }
  sleep 0.2
done
sed -n 's/^READY //p' "$D/node.log" >"$D/addresses.json"
