#!/bin/bash
# What a user does, by the official client and OpenSSH, in the access mode $1, with session $2, e-mail $3, password $4.
# The client's environment says where the server is and, in API mode, the keypair.
set -uo pipefail
mode=$1 session=$2 email=$3 password=$4
work=$(mktemp -d)
proxy='' failed=0
trap '[ -z "$proxy" ] || kill "$proxy"; rm -rf "$work"' EXIT
mkdir -p "$HOME"

check() {
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok    $mode mode: $what"
    else
        failed=$((failed + 1))
        echo "FAIL  $mode mode: $what"
        tail -5 "$work/said" | sed 's/^/      /'
    fi
}

sign_in() {
    backend.ai logout >/dev/null 2>&1
    printf '%s\n%s\n' "$email" "$password" | backend.ai login 2>&1 | grep succeeded
}
sign_in_wrongly() { ! printf '%s\n%s\n' "$email" wrong | backend.ai login 2>&1 | grep succeeded; }
lists_session() { backend.ai ps | grep "$session .*RUNNING"; }
download_key() {
    backend.ai session download "$session" id_container --dest "$work" &&
        chown "$(id -u)" "$work/id_container" && chmod 600 "$work/id_container" &&
        ssh-keygen -y -f "$work/id_container"
}
open_proxy() {
    backend.ai app "$session" sshd -b 127.0.0.1:27022 >"$work/proxy" 2>&1 &
    proxy=$!
    for _ in $(seq 150); do
        grep -q 'available at' "$work/proxy" && return 0
        kill -0 "$proxy" || break
        sleep 0.2
    done
    cat "$work/proxy"
    return 1
}
run_id() { ssh -F "$work/config" lab id | grep 'uid=1000(work)'; }
upload() { scp -F "$work/config" "$work/data" lab:check.data; }
# Small requests: with its own sizes sftp may ask for more than a channel's window, which this sshd then overruns.
download() {
    echo "get check.data $work/back" | sftp -B 32768 -R 32 -F "$work/config" -b - lab && cmp "$work/data" "$work/back"
}
arrange() {
    printf 'mkdir check.d\nrename check.data check.d/data\nls check.d\nrm check.d/data\nrmdir check.d\n' |
        sftp -F "$work/config" -b - lab
}
# Less than a channel's window of 2 MiB, for the same reason.
synchronise() {
    mkdir -p "$work/tree/of/files" && head -c 512K "$work/data" >"$work/tree/of/one" &&
        head -c 700K "$work/data" >"$work/tree/of/files/two" &&
        rsync -a -e "ssh -F $work/config" "$work/tree/" lab:check.tree/ &&
        rsync -a -e "ssh -F $work/config" lab:check.tree/ "$work/tree.back/" &&
        diff -r "$work/tree" "$work/tree.back" && ssh -F "$work/config" lab rm -r check.tree
}

head -c 20M /dev/urandom >"$work/data"
cat >"$work/config" <<X
Host lab
    HostName 127.0.0.1
    Port 27022
    User work
    IdentityFile $work/id_container
    IdentitiesOnly yes
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
    ConnectTimeout 20
X

if [ "$mode" = session ]; then
    check 'a wrong password is refused' sign_in_wrongly
    check 'sign in' sign_in
fi
check 'the session is listed' lists_session
check 'download id_container, a private key' download_key
check 'open the sshd proxy' open_proxy
check 'ssh runs a command as user work' run_id
check 'scp 20 MiB up' upload
check 'sftp them down, the same bytes' download
check 'mkdir, rename, ls, rm, rmdir by sftp' arrange
check 'rsync both ways, the same tree' synchronise
[ "$failed" = 0 ]
