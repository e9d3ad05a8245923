#!/bin/sh
# Fills an empty 23.09 cluster, in its room, once the databases and Docker answer: keys, schema, accounts, image.
set -eux
cd /srv/cluster/etc
manager() { backend.ai mgr -f manager.toml "$@"; }
sql() { psql -v ON_ERROR_STOP=1 -qAt "$@"; }

mkdir -p /srv/cluster/rpc
[ -f /srv/cluster/rpc/manager.key_secret ] || manager generate-rpc-keypair /srv/cluster/rpc manager

python fixtures.py
sql -c 'DROP DATABASE IF EXISTS backend' -c 'CREATE DATABASE backend'
sql -d backend -c 'CREATE EXTENSION "uuid-ossp"'
manager schema oneshot -f alembic.ini
manager etcd put-json config config.json
manager etcd put-json volumes volumes.json
manager fixture populate fixture.json
manager fixture populate main-keys.json
# The command ends well even when it has populated nothing.
[ "$(sql -d backend -c 'SELECT count(*) FROM users WHERE main_access_key IS NOT NULL')" = 2 ]

docker import \
    --change 'LABEL ai.backend.kernelspec=1' \
    --change 'LABEL ai.backend.role=COMPUTE' \
    --change 'LABEL ai.backend.features="uid-match"' \
    --change 'LABEL ai.backend.base-distro=ubuntu22.04' \
    --change 'LABEL ai.backend.runtime-type=app' \
    --change 'LABEL ai.backend.runtime-path=/usr/bin/bash' \
    --change 'LABEL ai.backend.resource.min.cpu=1' \
    --change 'LABEL ai.backend.resource.min.mem=128m' \
    --change 'LABEL ai.backend.service-ports=web:http:8099' \
    --change 'ENV LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    /srv/cluster/image.tar lab/shell:1-debian12
manager image rescan --local
# Its full name begins with the registry that an image without one is counted to.
full_name=$(sql -d backend -c "SELECT name FROM images WHERE name LIKE '%/lab/shell:1-debian12'")
[ "$full_name" ]
manager image alias lab/shell:1-debian12 "$full_name" "$(uname -m)"
