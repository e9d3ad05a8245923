//! The releases that can be started: packages, servers, ports, image.
//!
//! Each room has a network of its own, so the ports are fixed; the relayed ones have the same number outside, because
//! servers hand out addresses with them. They differ between releases: all can run at once.

use anyhow::{Context, Result};

/// A name and password with a keypair: the open-source project's public examples.
pub(super) struct Account {
    pub(super) email: &'static str,
    pub(super) password: &'static str,
    pub(super) access_key: &'static str,
    pub(super) secret_key: &'static str,
}

/// The ordinary user.
pub(super) const USER: Account = Account {
    email: "user@lablup.com",
    password: "C8qnIo29",
    access_key: "AKIANABBDUSEREXAMPLE",
    secret_key: "C8qnIo29EZvXkPK_MXcuAakYTy4NYrxwmCEyNPlf",
};

/// The administrator.
pub(super) const ADMIN: Account = Account {
    email: "admin@lablup.com",
    password: "wJalrXUt",
    access_key: "AKIAIOSFODNN7EXAMPLE",
    secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

/// The session that `up` sees to, of the ordinary user.
pub(super) const SESSION: &str = "sess1";

/// Debian packages that every room needs.
pub(super) const DEBIAN: &[&str] = &[
    "curl",
    "docker.io",
    "etcd-client",
    "etcd-server",
    "gcc",
    "iproute2",
    "iptables",
    "libc6-dev",
    "libmagic1",
    "postgresql",
    "python3",
    "python3-dev",
    "python3-venv",
    "tini",
    "xz-utils",
];

/// One release of Backend.AI and where it runs.
pub(super) struct Release {
    /// As the command line says it.
    pub(super) name: &'static str,
    /// The version of all its Python packages.
    pub(super) backend_ai: &'static str,
    /// What the servers call that version.
    pub(super) reported: &'static str,
    /// The Debian suite whose own Python is the one this release needs.
    pub(super) suite: &'static str,
    /// Debian packages besides [`DEBIAN`].
    pub(super) debian: &'static [&'static str],
    /// Python packages besides the common ones, without the `backend.ai-` in front.
    pub(super) packages: &'static [&'static str],
    /// The sessions' image, as `session create` takes it.
    pub(super) image: &'static str,
    pub(super) postgres: u16,
    pub(super) manager: u16,
    pub(super) webserver: u16,
    /// First and last port of each range to be reachable from outside.
    pub(super) relayed: &'static [(u16, u16)],
    /// Databases and Docker; the servers of one wave start together.
    pub(super) foundation: &'static [&'static [Service]],
    /// Backend.AI itself.
    pub(super) servers: &'static [&'static [Service]],
}

/// A program that runs for as long as the cluster.
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) ready: Ready,
    pub(super) command: &'static [&'static str],
}

/// When a program counts as started.
pub(super) enum Ready {
    /// It listens on this port.
    Port(u16),
    /// Docker answers.
    Docker,
}

impl Release {
    pub(super) fn named(name: &str) -> Result<&'static Self> {
        [&RELEASE_23_09, &RELEASE_26_9]
            .into_iter()
            .find(|release| release.name == name)
            .with_context(|| format!("there is no release {name:?} here: 23.09 and 26.9 are known"))
    }

    pub(super) fn services(&self) -> impl DoubleEndedIterator<Item = &'static Service> {
        self.foundation.iter().chain(self.servers).copied().flatten()
    }

    pub(super) fn service(&self, name: &str) -> Result<&'static Service> {
        self.services().find(|service| service.name == name).with_context(|| {
            let names: Vec<_> = self.services().map(|service| service.name).collect();
            format!("{} has no service {name:?}, but {}", self.name, names.join(", "))
        })
    }

    pub(super) fn relayed_ports(&self) -> impl Iterator<Item = u16> {
        self.relayed.iter().flat_map(|&(first, last)| first..=last)
    }
}

/// The release that the manual describes.
const RELEASE_23_09: Release = Release {
    name: "23.09",
    backend_ai: "23.9.10",
    reported: "23.09.10",
    suite: "bookworm",
    debian: &["redis-server"],
    packages: &[],
    image: "lab/shell:1-debian12",
    postgres: 28100,
    manager: 28081,
    webserver: 28090,
    relayed: &[(28081, 28081), (28090, 28090), (28621, 28621)],
    foundation: &[&[
        Service {
            name: "postgres",
            ready: Ready::Port(28100),
            command: &[
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                "/usr/lib/postgresql/15/bin/postgres",
                "-D/srv/cluster/postgres",
                "-h127.0.0.1",
                "-p28100",
                "-k/tmp",
                "-cmax_connections=300",
                "-cfsync=off",
            ],
        },
        Service {
            name: "redis",
            ready: Ready::Port(28111),
            command: &["redis-server", "--port", "28111", "--bind", "127.0.0.1", "--save", ""],
        },
        Service {
            name: "etcd",
            ready: Ready::Port(28120),
            command: &[
                "etcd",
                "--data-dir=/srv/cluster/etcd",
                "--listen-client-urls=http://127.0.0.1:28120",
                "--advertise-client-urls=http://127.0.0.1:28120",
                "--listen-peer-urls=http://127.0.0.1:28121",
                "--initial-advertise-peer-urls=http://127.0.0.1:28121",
                "--initial-cluster=default=http://127.0.0.1:28121",
            ],
        },
        Service {
            name: "docker",
            ready: Ready::Docker,
            command: &[
                "dockerd",
                "--data-root=/srv/cluster/docker",
                "--add-runtime=within-limits=/srv/cluster/etc/runc-within-limits",
                "--default-runtime=within-limits",
            ],
        },
    ]],
    servers: &[
        &[
            Service {
                name: "manager",
                ready: Ready::Port(28081),
                command: &["backend.ai", "mgr", "start-server", "-f", "/srv/cluster/etc/manager.toml"],
            },
            Service {
                name: "storage",
                ready: Ready::Port(28622),
                command: &[
                    "backend.ai",
                    "storage",
                    "start-server",
                    "-f",
                    "/srv/cluster/etc/storage-proxy.toml",
                ],
            },
            Service {
                name: "webserver",
                ready: Ready::Port(28090),
                command: &["backend.ai", "web", "start-server", "-f", "/srv/cluster/etc/webserver.conf"],
            },
        ],
        &[Service {
            name: "agent",
            ready: Ready::Port(28601),
            command: &["backend.ai", "ag", "start-server", "-f", "/srv/cluster/etc/agent.toml"],
        }],
    ],
};

/// The current release, with its AppProxy.
const RELEASE_26_9: Release = Release {
    name: "26.9",
    backend_ai: "26.9.6",
    reported: "26.9.6",
    suite: "trixie",
    debian: &["docker-cli", "libsnappy1v5", "valkey-server"],
    packages: &["appproxy-coordinator", "appproxy-worker", "install"],
    image: "local/stable/python:3.13-debian13",
    postgres: 26432,
    manager: 26091,
    webserver: 26090,
    relayed: &[
        (26021, 26021),
        (26090, 26090),
        (26091, 26091),
        (26200, 26202),
        (26205, 26214),
        (26501, 26510),
    ],
    foundation: &[&[
        Service {
            name: "postgres",
            ready: Ready::Port(26432),
            command: &[
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                "/usr/lib/postgresql/17/bin/postgres",
                "-D/srv/cluster/postgres",
                "-h127.0.0.1",
                "-p26432",
                "-k/tmp",
                "-cmax_connections=300",
                "-cfsync=off",
            ],
        },
        Service {
            name: "valkey",
            ready: Ready::Port(26379),
            command: &["valkey-server", "--port", "26379", "--bind", "127.0.0.1", "--save", ""],
        },
        Service {
            name: "etcd",
            ready: Ready::Port(26380),
            command: &[
                "etcd",
                "--data-dir=/srv/cluster/etcd",
                "--listen-client-urls=http://127.0.0.1:26380",
                "--advertise-client-urls=http://127.0.0.1:26380",
                "--listen-peer-urls=http://127.0.0.1:26381",
                "--initial-advertise-peer-urls=http://127.0.0.1:26381",
                "--initial-cluster=default=http://127.0.0.1:26381",
            ],
        },
        Service {
            name: "docker",
            ready: Ready::Docker,
            command: &["dockerd", "--data-root=/srv/cluster/docker"],
        },
    ]],
    servers: &[
        &[
            Service {
                name: "manager",
                ready: Ready::Port(26091),
                command: &["backend.ai", "mgr", "-f", "/srv/cluster/etc/manager.toml", "start-server"],
            },
            Service {
                name: "coordinator",
                ready: Ready::Port(26200),
                command: &[
                    "backend.ai",
                    "app-proxy-coordinator",
                    "start-server",
                    "-f",
                    "/srv/cluster/etc/app-proxy-coordinator.toml",
                ],
            },
            Service {
                name: "storage",
                ready: Ready::Port(26022),
                command: &[
                    "backend.ai",
                    "storage",
                    "start-server",
                    "-f",
                    "/srv/cluster/etc/storage-proxy.toml",
                ],
            },
            Service {
                name: "webserver",
                ready: Ready::Port(26090),
                command: &["backend.ai", "web", "start-server", "-f", "/srv/cluster/etc/webserver.conf"],
            },
        ],
        &[
            Service {
                name: "worker-http",
                ready: Ready::Port(26201),
                command: &[
                    "backend.ai",
                    "app-proxy-worker",
                    "start-server",
                    "-f",
                    "/srv/cluster/etc/app-proxy-worker-http.toml",
                ],
            },
            Service {
                name: "worker-tcp",
                ready: Ready::Port(26202),
                command: &[
                    "backend.ai",
                    "app-proxy-worker",
                    "start-server",
                    "-f",
                    "/srv/cluster/etc/app-proxy-worker-tcp.toml",
                ],
            },
            Service {
                name: "agent",
                ready: Ready::Port(26001),
                command: &["backend.ai", "ag", "start-server", "-f", "/srv/cluster/etc/agent.toml"],
            },
        ],
    ],
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn both_releases_can_run_at_once() {
        let (old, new) = (Release::named("23.09").unwrap(), Release::named("26.9").unwrap());
        let taken: HashSet<u16> = old.relayed_ports().collect();
        assert!(taken.contains(&old.webserver) && taken.contains(&old.manager));
        assert!(new.relayed_ports().all(|port| !taken.contains(&port)));
    }

    #[test]
    fn unknown_names_are_answered_with_the_known_ones() {
        let Err(error) = Release::named("24.03") else { panic!("24.03 is not here") };
        assert!(error.to_string().contains("23.09 and 26.9"), "{error}");
        let Err(error) = Release::named("23.09").unwrap().service("valkey") else { panic!("it has redis") };
        assert!(error.to_string().contains("redis, etcd, docker, manager"), "{error}");
    }
}
