/** What the mock backend shows of other programs and of keys. */
import type { OwnKeys } from "../bindings/OwnKeys";
import type { PublicKeyInfo } from "../bindings/PublicKeyInfo";
import type { SshHosts } from "../bindings/SshHosts";
import type { ToolKind } from "../bindings/ToolKind";
import type { ToolOffer } from "../bindings/ToolOffer";

function tool(id: string, name: string, kind: ToolKind, installed: boolean, page = true): ToolOffer {
  const needsPort = ["filezilla", "putty", "winscp", "cyberduck"].includes(id);
  return {
    id,
    name,
    kind,
    installed,
    needsPort,
    needsHost: !needsPort && id !== "terminal",
    page: page ? `https://${id}.example/download` : null,
  };
}

export const tools: ToolOffer[] = [
  tool("vscode", "VS Code", "editor", true),
  tool("vscode-insiders", "VS Code Insiders", "editor", false),
  tool("cursor", "Cursor", "editor", true),
  tool("windsurf", "Windsurf", "editor", false),
  tool("vscodium", "VSCodium", "editor", false),
  tool("zed", "Zed", "editor", false),
  tool("gateway", "JetBrains Gateway", "editor", false),
  tool("terminal", "Terminal", "shell", true, false),
  tool("putty", "PuTTY", "shell", false),
  tool("files", "File manager", "files", true, false),
  tool("filezilla", "FileZilla", "files", true),
];

export const sshHosts: SshHosts = {
  installed: false,
  config: "/home/jiwoo/.ssh/config",
  file: "/home/jiwoo/.ssh/berth_config",
  line: "Include berth_config",
  hosts: ["vision-train.hanbit-lab.berth", "paper-notebook.hanbit-lab.berth"],
  preview: {
    target: "/home/jiwoo/.ssh/config",
    creates: false,
    below: ["# work", "Host gpu-gateway", "  User jiwoo"],
    backup: "/home/jiwoo/.ssh/config.before-berth",
    byteOrderMark: false,
    ownHosts: [],
  },
  problem: null,
};

function key(algorithm: string, blob: string, comment: string): PublicKeyInfo {
  return {
    line: `${algorithm} ${blob} ${comment}`.trim(),
    algorithm,
    fingerprint: `SHA256:${blob.slice(-43)}`,
    comment,
  };
}

export const newAccountKey = key(
  "ssh-rsa",
  "AAAAB3NzaC1yc2EAAAADAQABAAABAQD0lV0mZp8cQ1nJ7wq3sYy2kT6rXbHf4uGdE9aLhNvPz",
  "",
);

export const ownKeys: OwnKeys = {
  account: key("ssh-rsa", "AAAAB3NzaC1yc2EAAAADAQABAAABAQC5x7HqKf2mYt0vWcRzUeNn1pLgDbSjAo8iXw6Bk3yTQm", ""),
  accountProblem: null,
  local: [
    {
      path: "/home/jiwoo/.ssh/id_ed25519.pub",
      privatePath: "/home/jiwoo/.ssh/id_ed25519",
      tooOpen: false,
      key: key(
        "ssh-ed25519",
        "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ",
        "jiwoo@laptop",
      ),
    },
    {
      path: "/home/jiwoo/.ssh/lab_rsa.pub",
      privatePath: "/home/jiwoo/.ssh/lab_rsa",
      tooOpen: true,
      key: key("ssh-rsa", "AAAAB3NzaC1yc2EAAAADAQABAAABAQDGk9Vb2tYwL4cZ0nQmRfXe6sHj1iTuPa8oKy5DrBqN3", "lab"),
    },
  ],
  saved: [
    {
      path: "/home/jiwoo/Downloads/id_container",
      session: "paper-notebook",
      fingerprint: "SHA256:another",
      tooOpen: true,
    },
    {
      path: "/home/jiwoo/.ssh/id_container",
      session: "vision-train",
      fingerprint: "SHA256:another2",
      tooOpen: false,
    },
  ],
};
