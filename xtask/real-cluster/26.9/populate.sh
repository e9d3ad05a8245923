#!/bin/sh
# Fills an empty 26.9 cluster, in its room, once the databases and Docker answer: keys, schemas, accounts, image.
set -eux
cd /srv/cluster/etc
manager() { backend.ai mgr -f manager.toml "$@"; }
sql() { psql -v ON_ERROR_STOP=1 -qAt "$@"; }

mkdir -p /srv/cluster/rpc
[ -f /srv/cluster/rpc/manager.key_secret ] || manager generate-rpc-keypair /srv/cluster/rpc manager

docker import \
    --change 'LABEL ai.backend.kernelspec=1' \
    --change 'LABEL ai.backend.role=COMPUTE' \
    --change 'LABEL ai.backend.features="query batch uid-match"' \
    --change 'LABEL ai.backend.base-distro=ubuntu22.04' \
    --change 'LABEL ai.backend.runtime-type=python' \
    --change 'LABEL ai.backend.runtime-path=/usr/bin/python3' \
    --change 'LABEL ai.backend.resource.min.cpu=1' \
    --change 'LABEL ai.backend.resource.min.mem=256m' \
    --change 'LABEL ai.backend.service-ports="web:http:8000"' \
    --change 'CMD ["/bin/bash"]' \
    /srv/cluster/image.tar stable/python:3.13-debian13

python fixtures.py
manager etcd put-json '' config.json
sql -c 'DROP DATABASE IF EXISTS backend' -c 'DROP DATABASE IF EXISTS appproxy' -c 'DROP ROLE IF EXISTS appproxy' \
    -c 'CREATE DATABASE backend' \
    -c "CREATE ROLE appproxy LOGIN PASSWORD 'in-a-room-of-its-own'" -c 'CREATE DATABASE appproxy OWNER appproxy'
backend.ai app-proxy-coordinator schema oneshot -f alembic-app-proxy.ini
manager schema oneshot -f alembic.ini
manager fixture populate fixture.json
manager permissions provision
manager image rescan local
[ "$(sql -d backend -c "SELECT count(*) FROM images WHERE name LIKE '%python:3.13-debian13'")" = 1 ]
