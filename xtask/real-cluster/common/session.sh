#!/bin/sh
# Sees to it that session $1 of the account in the environment runs, made from image $2; waits for the agent first.
set -eu
name=$1 image=$2
sql() { psql -v ON_ERROR_STOP=1 -qAt -d backend "$@"; }

tries=240
until [ "$(sql -c "SELECT count(*) FROM agents WHERE status = 'ALIVE'")" = 1 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "the agent does not come alive"; exit 1; }
    sleep 0.5
done

# The database may take a session for running whose container went with an earlier room.
id=$(sql -c "SELECT id FROM sessions WHERE name = '$name' AND access_key = '$BACKEND_ACCESS_KEY'
    AND status = 'RUNNING' ORDER BY created_at DESC LIMIT 1")
if [ "$id" ] && [ "$(docker ps -q --filter "label=ai.backend.session-id=$id")" ]; then
    exit 0
fi
unfinished() {
    sql -c "SELECT count(*) FROM sessions WHERE name = '$name' AND access_key = '$BACKEND_ACCESS_KEY'
        AND status NOT IN ('TERMINATED', 'CANCELLED')"
}
if [ "$(unfinished)" != 0 ]; then
    backend.ai session destroy --forced "$name" || true
    tries=120
    until [ "$(unfinished)" = 0 ] || [ "$tries" = 0 ]; do
        tries=$((tries - 1))
        sleep 0.5
    done
fi
backend.ai session create -t "$name" -r cpu=1 -r mem=512m --max-wait 120 "$image"
[ "$(sql -c "SELECT count(*) FROM sessions WHERE name = '$name' AND access_key = '$BACKEND_ACCESS_KEY'
    AND status = 'RUNNING'")" = 1 ]
