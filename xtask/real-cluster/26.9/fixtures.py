"""Writes what an empty 26.9 is filled with: fixture.json and config.json, in this folder.

The examples that come with the project's installer, as one file: each call of the manager's command costs seconds.
"""

import json
from importlib.resources import files

VOLUME_RIGHTS = [
    "create-vfolder", "modify-vfolder", "delete-vfolder", "mount-in-session",
    "upload-file", "download-file", "invite-others", "set-user-specific-permission",
]
EXAMPLES = [
    "users", "keypairs", "resource-slot-types", "resource-presets", "runtime-variants", "runtime-variant-presets",
    "role-presets", "retention-policies",
]

tables = {}
for name in EXAMPLES:
    example = json.loads((files("ai.backend.install") / "fixtures" / f"example-{name}.json").read_text())
    for table, rows in example.items():
        if isinstance(rows, list):
            tables.setdefault(table, []).extend(rows)

for preset in tables["resource_presets"]:
    # Shipped as a string, while the column takes a number only.
    if preset.get("shared_memory"):
        preset["shared_memory"] = int(preset["shared_memory"])
for group in tables["scaling_groups"]:
    group["wsproxy_addr"] = "http://127.0.0.1:26200"
    group["wsproxy_api_token"] = "app-proxy-api"
for place in tables["domains"] + tables["groups"]:
    place["allowed_vfolder_hosts"] = {"local:volume1": VOLUME_RIGHTS}
for domain in tables["domains"]:
    domain["allowed_docker_registries"] = ["local"]
tables["container_registries"] = [{
    "id": "7f0a6b0e-54c5-4a52-9f0e-3d2a86a6f3d1", "registry_name": "local", "url": "http://localhost", "type": "local",
    "project": "stable",
}]

with open("fixture.json", "w") as file:
    json.dump(tables, file, indent=1)
with open("config.json", "w") as file:
    json.dump({
        "config": {
            "redis": {
                "addr": "127.0.0.1:26379",
                "helper": {"socket_timeout": 5.0, "socket_connect_timeout": 2.0, "reconnect_poll_timeout": 0.3},
            },
            "docker": {"image": {"auto_pull": "none"}},
            "api": {"allow-openapi-schema-introspection": "yes", "allow-graphql-schema-introspection": "yes"},
        },
        "volumes": {
            "_types": {"group": "", "user": ""},
            "default_host": "local:volume1",
            "exposed_volume_info": "percentage",
            "proxies": {"local": {
                "client_api": "http://127.0.0.1:26021", "manager_api": "http://127.0.0.1:26022",
                "secret": "storage-proxy-and-manager", "ssl_verify": "false",
            }},
        },
    }, file, indent=1)
