#!/bin/bash
# Whether big downloads from the session's sshd arrive whole, by stock OpenSSH and rsync, without any program of Berth.
# Way $1 is `direct` (to the container), `busy` (the same while every core is busy), `session` or `api` (through the
# official client); session $2, e-mail $3, password $4; each way of downloading is tried $5 times. Prints table rows.
set -uo pipefail
way=$1 session=$2 email=$3 password=$4 times=$5
work=$(mktemp -d)
background=()
trap 'kill "${background[@]}" 2>/dev/null; rm -rf "$work"' EXIT
mkdir -p "$HOME"
give_up() { echo "$way: $1" >&2; exit 1; }

if [ "$way" = session ]; then
    backend.ai logout >/dev/null 2>&1
    printf '%s\n%s\n' "$email" "$password" | backend.ai login >/dev/null 2>&1
fi
backend.ai session download "$session" id_container --dest "$work" >/dev/null 2>&1 || give_up 'no id_container'
chown "$(id -u)" "$work/id_container" && chmod 600 "$work/id_container"

host=127.0.0.1 port=27044
case $way in
direct | busy)
    id=$(psql -qAt -d backend -c "SELECT id FROM sessions WHERE name = '$session' AND status = 'RUNNING'
        AND access_key = '$BACKEND_ACCESS_KEY'")
    container=$(docker ps -q --filter "label=ai.backend.session-id=$id")
    host=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$container")
    [ "$host" ] || give_up "the container of $session is not found"
    port=2200
    ;;
*)
    backend.ai app "$session" sshd -b "$host:$port" >"$work/proxy" 2>&1 &
    background+=($!)
    for _ in $(seq 150); do
        grep -q 'available at' "$work/proxy" && break
        sleep 0.2
    done
    ;;
esac
cat >"$work/config" <<X
Host lab
    HostName $host
    Port $port
    User work
    IdentityFile $work/id_container
    IdentitiesOnly yes
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    ConnectTimeout 20
X
head -c 64M /dev/urandom >"$work/data"
scp -q -F "$work/config" "$work/data" lab:downloads.data || give_up 'the data cannot be sent to the session'
if [ "$way" = busy ]; then
    for _ in $(seq "$(nproc)"); do
        nice sh -c 'while :; do :; done' &
        background+=($!)
    done
fi

scp_() { scp -F "$work/config" "$@" lab:downloads.data "$work/back"; }
rsync_() { rsync -q -e "ssh -F $work/config" "$@" lab:downloads.data "$work/back"; }
to_file() { ssh -F "$work/config" lab cat downloads.data >"$work/back"; }
to_pipe() { ssh -F "$work/config" lab cat downloads.data | cat >"$work/back"; }

# $1 names the row, the rest downloads.
row() {
    local name=$1 whole=0 lost=0 overrun=0 hung=0 ended
    shift
    for _ in $(seq "$times"); do
        rm -f "$work/back"
        "$@" >"$work/said" 2>&1 &
        # Not `timeout`: these are functions.
        local download=$! tries=240
        while kill -0 "$download" 2>/dev/null && [ "$tries" -gt 0 ]; do
            sleep 0.25
            tries=$((tries - 1))
        done
        if [ "$tries" = 0 ]; then
            hung=$((hung + 1))
            pkill -TERM -P "$download"
        fi
        wait "$download"
        ended=$?
        grep -q 'rcvd too much data' "$work/said" && overrun=$((overrun + 1))
        if cmp -s "$work/data" "$work/back"; then
            [ "$ended" != 0 ] || whole=$((whole + 1))
        elif [ "$ended" = 0 ]; then
            lost=$((lost + 1))
        fi
    done
    echo "| $way | $name | $whole of $times | $overrun | $hung | $lost |"
}

row '`scp`' scp_
row '`scp -X buffer=32768 -X nrequests=32`' scp_ -X buffer=32768 -X nrequests=32
row '`scp -O`' scp_ -O
row '`rsync`' rsync_
row '`rsync --bwlimit=10m`' rsync_ --bwlimit=10m
row '`ssh … cat >file`' to_file
row '`ssh … cat \| cat`' to_pipe
ssh -q -F "$work/config" lab rm downloads.data
