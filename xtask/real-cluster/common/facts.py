"""Asks a cluster what differs between releases, with plain sockets, and prints the answers as rows of a table.

    facts.py ask WEBSERVER MANAGER SESSION OTHER     session OTHER belongs to somebody else
    facts.py watch WEBSERVER MANAGER SESSION         opens a tunnel in both modes and tells what becomes of them

The account comes in FACTS_EMAIL, FACTS_PASSWORD, FACTS_ACCESS_KEY, FACTS_SECRET_KEY. Only the standard library is used:
neither the official client's habits nor Berth's get into the answers.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import select
import socket
import sys
import time
from datetime import datetime, timezone

EMAIL, PASSWORD = os.environ["FACTS_EMAIL"], os.environ["FACTS_PASSWORD"]
ACCESS_KEY, SECRET_KEY = os.environ["FACTS_ACCESS_KEY"], os.environ["FACTS_SECRET_KEY"]
WATCHED = 75.0


class Webserver:
    """Session mode: requests go through the webserver with a login's cookie."""

    def __init__(self, port):
        self.name, self.port, self.prefix = "session", port, "/func"
        self.cookie = None

    def headers(self, method, target, content_type):
        headers = {"Content-Type": content_type} if content_type else {}
        return headers | ({"Cookie": self.cookie} if self.cookie else {})

    def sign_in(self):
        answer = request(self, "POST", "/server/login", {"username": EMAIL, "password": PASSWORD}, bare=True)
        self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        return answer


class Manager:
    """API mode: every request is signed with the keypair."""

    version = "v6.20230315"

    def __init__(self, port):
        self.name, self.port, self.prefix = "API", port, ""

    def headers(self, method, target, content_type):
        now = datetime.now(timezone.utc)
        date, host = now.isoformat(), f"127.0.0.1:{self.port}"
        text = "\n".join([
            method, target, date, f"host:{host}", f"content-type:{content_type or 'application/octet-stream'}",
            f"x-backendai-version:{self.version}", hashlib.sha256(b"").hexdigest(),
        ])
        key = SECRET_KEY.encode()
        for part in (now.strftime("%Y%m%d"), host):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers = {"Content-Type": content_type} if content_type else {}
        return headers | {
            "Date": date, "X-BackendAI-Version": self.version,
            "Authorization": f"BackendAI signMethod=HMAC-SHA256, credential={ACCESS_KEY}:{signature}",
        }


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None

    def __str__(self):
        title = self.json.get("msg") or self.json.get("title") if isinstance(self.json, dict) else None
        return f"{self.status} {title[:90]!r}" if title and self.status >= 400 else str(self.status)


def request(side, method, path, body=None, bare=False):
    """`bare`: the path is the webserver's own, not the manager's behind it."""
    target = path if bare else side.prefix + path
    data = None if body is None else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", side.port, timeout=60)
    connection.request(method, target, data, side.headers(method, target, "application/json" if data else None))
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


class Tunnel:
    """A tcpproxy stream: the handshake, and afterwards what arrives."""

    def __init__(self, side, session, query="app=sshd"):
        target = f"{side.prefix}/stream/session/{session}/tcpproxy?{query}"
        self.socket = socket.create_connection(("127.0.0.1", side.port), timeout=60)
        headers = side.headers("GET", target, None) | {
            "Host": f"127.0.0.1:{side.port}", "Connection": "Upgrade", "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        }
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.more()
        head, self.rest = head.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed by the server")
        return data

    def banner(self):
        while not (found := re.search(rb"SSH-2.0-[^\r\n]*\r?\n", self.rest)):
            self.rest += self.more()
        return found.group().decode().strip()

    def __str__(self):
        if self.status != 101:
            return str(self.status)
        try:
            return f"101, {self.banner()}"
        except OSError as error:
            return f"101, no banner: {error}"


def ask(webserver, manager, session, other):
    rows = []

    def row(what, *answers):
        rows.append(f"| {what} | {' | '.join(str(answer) for answer in answers)} |")

    anonymous = [Webserver(webserver.port), webserver]
    wrong = request(anonymous[0], "POST", "/server/login", {"username": EMAIL, "password": "wrong"}, bare=True)
    row("wrong password", f"{wrong.status}, authenticated {str(wrong.json['authenticated']).lower()}", "–")
    good = webserver.sign_in()
    row("signed in", f"{good.status}, cookie {good.headers['Set-Cookie'].split('=')[0]}", "–")
    row("the cookie's Expires", re.search(r"expires=([^;]*)", good.headers["Set-Cookie"], re.I).group(1), "–")
    row("login-check without a cookie", request(anonymous[0], "POST", "/server/login-check", bare=True), "–")
    row("request without a login", request(anonymous[0], "GET", f"/stream/session/{session}/apps"), "–")
    unknown = request(webserver, "GET", "/no/such/path", bare=True)
    row("unknown path", f"{unknown.status} {unknown.headers.get_content_type()}", request(manager, "GET", "/no/such/path"))

    sides = [webserver, manager]
    query = 'query { compute_session_list(limit: 10, offset: 0, status: "RUNNING") { items { id session_id name } } }'
    lists = [request(side, "POST", "/admin/gql", {"query": query, "variables": {}}) for side in sides]
    row("GraphQL success has the key `errors`", *("yes" if "errors" in found.json else "no" for found in lists))
    items = lists[0].json["data"]["compute_session_list"]["items"]
    uuid = next(item["session_id"] for item in items if item["name"] == session)
    row("another user's session is listed",
        *("yes" if other in str(found.json) else "no" for found in lists))

    def apps(name):
        for side in sides:
            found = request(side, "GET", f"/stream/session/{name}/apps")
            yield f"200, {', '.join(app['name'] for app in found.json)}" if found.status == 200 else found

    row("apps by name", *apps(session))
    row("apps by id", *apps(uuid))
    row("apps of another user's session", *apps(other))
    row("apps of no session", *apps("no-such-session"))
    for method in ("GET", "POST"):
        for kind, parameter in (("download", "files"), ("download_single", "file")):
            found = [request(side, method, f"/session/{session}/{kind}?{parameter}=id_container") for side in sides]
            row(f"{method} {kind}", *(
                f"200 {answer.headers.get_content_type()}" if answer.status == 200 else answer.status for answer in found
            ))
            for answer in found[:1]:
                if answer.status == 200 and kind == "download_single":
                    header = answer.body.split(b"\n")[0].decode()
                    row("`id_container`", f"`{header}`, {len(answer.body)} bytes", "the same")
                    missing = f"/session/{session}/{kind}?{parameter}=no-such-file"
                    row("download of a missing file", *(request(side, method, missing).status for side in sides))
    for what, name, words in [
        ("tunnel by name", session, "app=sshd"),
        ("tunnel by id", uuid, "app=sshd"),
        ("tunnel with port=2200", session, "app=sshd&port=2200"),
        ("tunnel to an unknown app", session, "app=no-such-app"),
        ("tunnel to another user's session", other, "app=sshd"),
        ("tunnel to no session", "no-such-session", "app=sshd"),
    ]:
        row(what, *(Tunnel(side, name, words) for side in sides))
    row("tunnel without a login", Tunnel(anonymous[0], session), "–")
    row("start-service", *(request(side, "POST", f"/session/{session}/start-service", {"app": "sshd"}) for side in sides))
    folder = {"name": ".ssh", "host": "local:volume1", "usage_mode": "general", "permission": "rw"}
    row("folder named .ssh", *(request(side, "POST", "/folders", folder).status for side in sides))
    row("sign out", request(webserver, "POST", "/server/logout", bare=True), "–")
    row("request after signing out", request(webserver, "GET", f"/stream/session/{session}/apps"), "–")
    print("| | session mode | API mode |\n|---|---|---|", *rows, sep="\n")


def watch(webserver, manager, session):
    webserver.sign_in()
    tunnels = {side.name: Tunnel(side, session) for side in (webserver, manager)}
    for tunnel in tunnels.values():
        tunnel.banner()
        tunnel.socket.settimeout(10)
    print("open", flush=True)
    begun, open_ones, last = time.monotonic(), dict(tunnels), {}
    while open_ones and (left := begun + WATCHED - time.monotonic()) > 0:
        ready, _, _ = select.select([tunnel.socket for tunnel in open_ones.values()], [], [], left)
        for name, tunnel in list(open_ones.items()):
            if tunnel.socket not in ready:
                continue
            try:
                data = tunnel.socket.recv(65536)
            except OSError as error:
                data, last[name] = b"", error.strerror
            if not data:
                print(f"{name} mode: {last.get(name, 'TCP end')} after {time.monotonic() - begun:.1f} s", flush=True)
                del open_ones[name]
            # A close frame without other data around it is all that servers send here.
            elif data[0] == 0x88:
                last[name] = f"close frame {int.from_bytes(data[2:4], 'big') if data[1] >= 2 else 'without a code'}"
    for name in open_ones:
        print(f"{name} mode: {last.get(name, 'nothing')}, still open after {WATCHED:.0f} s", flush=True)


command, web_port, manager_port, *names = sys.argv[1:]
{"ask": ask, "watch": watch}[command](Webserver(int(web_port)), Manager(int(manager_port)), *names)
