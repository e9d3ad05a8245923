"""Writes what an empty 23.09 is filled with: fixture.json, main-keys.json, config.json and volumes.json, in this folder.

Accounts and keypairs are the open-source project's public examples.
"""

import json

from ai.backend.common.docker import default_registry

ADMIN, USER = "f38dea23-50fa-42a0-b5ae-338f5f4693f4", "dfa9da54-4b28-432f-be29-c0d680c7a412"
GROUP = "2de2b969-1d04-48a6-af16-0bc8adb3c831"
MAIN_KEYS = {ADMIN: "AKIAIOSFODNN7EXAMPLE", USER: "AKIANABBDUSEREXAMPLE"}
VOLUME = "local:volume1"
VOLUME_RIGHTS = [
    "create-vfolder", "modify-vfolder", "delete-vfolder", "mount-in-session",
    "upload-file", "download-file", "invite-others", "set-user-specific-permission",
]
COMMON = {"description": "", "is_active": True}
NO_LIMIT = {"total_resource_slots": {}, "allowed_vfolder_hosts": {}}


def user(uuid, name, password, role):
    return {
        "uuid": uuid, "username": name, "email": f"{name}@lablup.com", "password": password, "full_name": name.title(),
        "description": "", "status": "active", "status_info": "admin-requested", "need_password_change": False,
        "domain_name": "default", "resource_policy": "default", "role": role, "main_access_key": None,
    }


def keypair(uuid, name, secret_key, is_admin):
    return {
        "user_id": f"{name}@lablup.com", "user": uuid, "access_key": MAIN_KEYS[uuid], "secret_key": secret_key,
        "is_active": True, "is_admin": is_admin, "resource_policy": "default", "rate_limit": 30000, "num_queries": 0,
    }


def write(name, document):
    with open(name, "w") as file:
        json.dump(document, file, indent=1)


write("fixture.json", {
    "domains": [COMMON | NO_LIMIT | {"name": "default", "allowed_docker_registries": [default_registry]}],
    "user_resource_policies": [
        {"name": "default", "max_vfolder_size": -1, "max_session_count_per_model_session": 10},
    ],
    "project_resource_policies": [{"name": "default", "max_vfolder_size": -1}],
    "keypair_resource_policies": [{
        "name": "default", "default_for_unspecified": "UNLIMITED", "total_resource_slots": {},
        "max_session_lifetime": 0, "max_concurrent_sessions": 10, "max_containers_per_session": 1,
        "max_vfolder_count": 10, "max_vfolder_size": 0, "idle_timeout": 0,
        "allowed_vfolder_hosts": {VOLUME: VOLUME_RIGHTS},
    }],
    "groups": [
        COMMON | NO_LIMIT
        | {"id": GROUP, "name": "default", "domain_name": "default", "resource_policy": "default"},
    ],
    "scaling_groups": [
        COMMON
        | {"name": "default", "driver": "static", "driver_opts": {}, "scheduler": "fifo", "scheduler_opts": {}},
    ],
    "sgroups_for_domains": [{"scaling_group": "default", "domain": "default"}],
    "users": [user(ADMIN, "admin", "wJalrXUt", "superadmin"), user(USER, "user", "C8qnIo29", "user")],
    "association_groups_users": [{"group_id": GROUP, "user_id": uuid} for uuid in (ADMIN, USER)],
    "keypairs": [
        keypair(ADMIN, "admin", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", True),
        keypair(USER, "user", "C8qnIo29EZvXkPK_MXcuAakYTy4NYrxwmCEyNPlf", False),
    ],
    "resource_presets": [{"name": "cpu01-small", "resource_slots": {"cpu": "1", "mem": "536870912"}}],
})
# Users and keypairs refer to each other, so the main keys follow as an update.
write("main-keys.json", {
    "__mode": "update",
    "users": [{"uuid": uuid, "main_access_key": key} for uuid, key in MAIN_KEYS.items()],
})
write("config.json", {
    "system": {"timezone": "UTC"},
    "redis": {"addr": "127.0.0.1:28111"},
    # An imported image belongs to this registry by its name; its address leads nowhere, nothing is fetched.
    "docker": {
        "registry": {default_registry: {"": "http://127.0.0.1:1", "type": "docker", "username": "lab"}},
        "image": {"auto_pull": "tag"},
    },
    "idle": {"enabled": "", "app-streaming-packet-timeout": "5m"},
    "network": {"subnet": {"agent": "0.0.0.0/0", "container": "0.0.0.0/0"}, "overlay": {"mtu": 1500}},
    "watcher": {"token": "watcher"},
    "plugins": {"accelerator": {}, "scheduler": {"fifo": {"num_retries_to_skip": 3}}},
})
write("volumes.json", {
    "_types": {"group": "", "user": ""},
    "default_host": VOLUME,
    "exposed_volume_info": "percentage",
    "proxies": {"local": {
        "client_api": "http://127.0.0.1:28621", "manager_api": "http://127.0.0.1:28622",
        "secret": "storage-proxy-and-manager", "ssl_verify": "false",
    }},
})
