/** What the mock backend shows: a cluster as people have it, seen at a fixed offset from now. */
import type { Account } from "../bindings/Account";
import type { Connection } from "../bindings/Connection";
import type { Profile } from "../bindings/Profile";
import type { ServerInfo } from "../bindings/ServerInfo";
import type { Session } from "../bindings/Session";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const GIB = 1024 ** 3;

export function ago(ms: number): string {
  return new Date(Date.now() - ms).toISOString();
}

export const server: ServerInfo = {
  address: "https://ai.hanbit-lab.example",
  mode: "session",
  managerVersion: "26.9.6",
  apiVersion: "v9.20250722",
  compatibility: "supported",
  private: true,
};

export const account: Account = {
  profileId: "p-hanbit",
  user: "jiwoo.park@hanbit-lab.example",
  role: "user",
  server,
  tls: { caFile: null, acceptInvalidCertificates: false },
  secretPlace: "keychain",
  demo: false,
};

export const demoAccount: Account = {
  profileId: "demo",
  user: "demo@berth.example",
  role: "user",
  server: { ...server, address: "http://127.0.0.1:41877", managerVersion: "26.9.0" },
  tls: { caFile: null, acceptInvalidCertificates: false },
  secretPlace: "memory",
  demo: true,
};

export const profiles: Profile[] = [
  {
    id: "p-hanbit",
    address: "https://ai.hanbit-lab.example",
    mode: "session",
    user: "jiwoo.park@hanbit-lab.example",
    tls: { caFile: null, acceptInvalidCertificates: false },
    remembered: true,
  },
  {
    id: "p-edge",
    address: "https://edge-manager.factory.example:8091",
    mode: "api",
    user: "AKIA7PLANT2EDGE9XQ2M",
    tls: { caFile: "/etc/ssl/factory-ca.pem", acceptInvalidCertificates: false },
    remembered: false,
  },
];

function session(
  n: number,
  name: string,
  status: string,
  image: string,
  slots: Record<string, string>,
  created: number,
  more: Partial<Session> = {},
): Session {
  const running = status.startsWith("RUNNING");
  return {
    id: `5a1f0c3e-77aa-4d0b-9c1e-${n.toString().padStart(12, "0")}`,
    name,
    status,
    statusInfo: null,
    sessionType: "INTERACTIVE",
    image,
    project: "vision",
    resourceGroup: "a100-80g",
    resources: Object.entries(slots).map(([slot, amount]) => ({ slot, amount })),
    createdAt: ago(created),
    terminatedAt: null,
    clusterSize: 1,
    apps: running
      ? [
          { name: "sshd", protocol: "tcp" },
          { name: "ttyd", protocol: "http" },
          { name: "jupyter", protocol: "http" },
          { name: "jupyterlab", protocol: "http" },
          { name: "vscode", protocol: "http" },
          { name: "tensorboard", protocol: "http" },
          { name: "vnc", protocol: "tcp" },
          { name: "ray-client", protocol: "tcp" },
        ]
      : [],
    ...more,
  };
}

const gib = (n: number) => String(n * GIB);

export const sessions: Session[] = [
  session(
    1,
    "vision-train",
    "RUNNING",
    "cr.backend.ai/stable/python-pytorch:2.4-py312-cuda12.4@x86_64",
    {
      cpu: "16",
      mem: gib(128),
      "cuda.device": "4",
    },
    3 * HOUR + 12 * MINUTE,
  ),
  session(
    2,
    "paper-notebook",
    "RUNNING",
    "cr.backend.ai/multiarch/python:3.12-ubuntu24.04@x86_64",
    {
      cpu: "4",
      mem: gib(32),
      "cuda.shares": "0.5",
    },
    26 * HOUR,
  ),
  session(
    3,
    "llm-eval-nightly",
    "RUNNING",
    "cr.backend.ai/stable/ngc-pytorch:25.04-pytorch2.7-py312-cuda12.9@x86_64",
    {
      cpu: "32",
      mem: gib(256),
      "cuda.device": "8",
    },
    41 * MINUTE,
    { clusterSize: 4, sessionType: "BATCH", resourceGroup: "h100-cluster" },
  ),
  session(
    4,
    "data-prep",
    "PREPARING",
    "cr.backend.ai/stable/rapids:25.02-cuda12.8@x86_64",
    {
      cpu: "8",
      mem: gib(64),
    },
    2 * MINUTE,
    { statusInfo: "Pulling image layers (7 of 12)" },
  ),
  session(
    5,
    "diffusion-xl-lora",
    "PENDING",
    "cr.backend.ai/stable/python-pytorch:2.4-py312-cuda12.4@x86_64",
    {
      cpu: "16",
      mem: gib(128),
      "cuda.device": "8",
    },
    9 * MINUTE,
    { statusInfo: "no-available-instances" },
  ),
  session(
    6,
    "rtl-sim",
    "ERROR",
    "registry.factory.example:5000/eda/verilator:5.026@x86_64",
    {
      cpu: "4",
      mem: gib(16),
    },
    5 * HOUR,
    { statusInfo: "agent-lost", resourceGroup: "cpu-only" },
  ),
  session(
    7,
    "robot-arm-policy",
    "SUSPENDED",
    "cr.backend.ai/community/isaac-sim:4.5@x86_64",
    {
      cpu: "8",
      mem: gib(48),
      "cuda.device": "1",
    },
    2 * DAY,
  ),
  session(
    8,
    "wav2vec-ko",
    "TERMINATED",
    "cr.backend.ai/stable/python-pytorch:2.4-py312-cuda12.4@x86_64",
    {
      cpu: "8",
      mem: gib(64),
      "cuda.device": "2",
    },
    3 * DAY,
    { terminatedAt: ago(2 * DAY), statusInfo: "user-requested" },
  ),
  session(
    9,
    "hackathon-sandbox",
    "TERMINATED",
    "cr.backend.ai/multiarch/python:3.12-ubuntu24.04@x86_64",
    {
      cpu: "2",
      mem: gib(8),
    },
    12 * DAY,
    { terminatedAt: ago(11 * DAY), statusInfo: "idle-timeout" },
  ),
  session(
    10,
    "old-batch",
    "CANCELLED",
    "cr.backend.ai/stable/rapids:25.02-cuda12.8@x86_64",
    {
      cpu: "8",
      mem: gib(64),
    },
    20 * DAY,
    { terminatedAt: ago(20 * DAY), sessionType: "BATCH" },
  ),
];

/** A connection as the backend would hand it out. */
export function makeConnection(
  of: Session,
  app: string,
  port: number,
  more: Partial<Connection> = {},
): Connection {
  const key = `/home/jiwoo/.local/share/berth/keys/${of.id}/id_container`;
  const options = `-i ${key} -o IdentitiesOnly=yes -o HostKeyAlias=${of.id}.berth -o UserKnownHostsFile=/home/jiwoo/.local/share/berth/known_hosts -o StrictHostKeyChecking=accept-new`;
  const ssh = app === "sshd";
  return {
    id: `c-${of.name}-${app}`,
    profileId: "p-hanbit",
    sessionId: of.id,
    sessionName: of.name,
    app,
    host: "127.0.0.1",
    port,
    portReason: { kind: "preferred" },
    user: ssh ? "work" : null,
    sshUrl: ssh ? `ssh://work@127.0.0.1:${port}` : null,
    sftpUrl: ssh ? `sftp://work@127.0.0.1:${port}` : null,
    commands: ssh
      ? [
          { kind: "ssh", line: `ssh ${options} -p ${port} work@127.0.0.1` },
          { kind: "sftp", line: `sftp ${options} -B 32768 -R 32 -P ${port} work@127.0.0.1` },
          { kind: "scp", line: `scp ${options} -P ${port} -rp ./folder work@127.0.0.1:` },
          {
            kind: "rsync",
            line: `rsync -av -e 'ssh ${options} -p ${port}' ./folder/ work@127.0.0.1:folder/`,
          },
        ]
      : [],
    key: ssh
      ? { path: key, algorithm: "ssh-rsa", fingerprint: "SHA256:Zq8M0h1vTz0tD7xH3oD2m9w2yXo5t8n1b1o0yUu6cJ4" }
      : null,
    keyProblem: null,
    state: "listening",
    traffic: { open: 0, total: 0, bytesUp: 0, bytesDown: 0, busySince: null },
    openedAt: ago(0),
    silentSince: null,
    incident: null,
    ...more,
  };
}
