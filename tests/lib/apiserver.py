#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scripted kube-apiserver for tests: HTTPS/1.1, GET anything, and every way to fail at it.

usage: apiserver.py --listen ADDR:PORT --cert FILE --key FILE [--client-ca FILE]
                    [--mode MODE] [--control FIFO] [--backlog N]

PORT 0 lets the kernel choose; "[::1]:0" is IPv6. The first line on standard output is
"listening PORT". Commands are lines on standard input, whose end ends the server, or with --control
lines on the FIFO (made if it is not there). Each is answered by one line on standard output: "ok",
the answer, or "error: ...".

commands:
  mode MODE            behave so from now on; held connections and new ones
  cert FILE KEY        the certificate of new connections
  client-ca FILE | -   accept client certificates of this CA; a request without one gets 401
  require on | off     new connections without a certificate of client-ca fail in TLS
  token TEXT | -       a request without this bearer token gets 401
  drop                 close all connections
  count                "connections N requests N": TCP connections accepted, requests read
  last                 the last request as JSON: line, headers, sni, alpn, tls, client (the CN)

modes of requests:
  ok                   200
  unready              500, chunked, 3 kB that list the checks, etcd failed
  status N             status N, with a small body; a redirect gets a Location
  close                200, then the connection ends unannounced
  close-announced      200 with Connection: close, then it ends
  until-eof            200 without a length; the body ends with the connection
  late SECONDS         200 after that time
  silent               the request is never answered
  stall                half a response, and no more
  eof, reset           no response; the connection ends with FIN or RST
  garbage              no HTTP
  raw TEXT             TEXT, with \\r and \\n in it, is the response
  drip TEXT            the same, one byte at a time
  huge-body, huge-chunks, huge-headers   more than 64 KiB of it
modes of connections:
  silent-tls           TCP is accepted, TLS never answered
  reset-tls, eof-tls   TCP is accepted, then reset or closed
  plain                HTTP without TLS, which answers a TLS handshake with 400
  tls1.1, tls1.2       200, but nothing newer than that
  h2                   speaks nothing but HTTP/2
"""

import argparse
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
import warnings

CHECKS = ["ping", "log", "etcd", "etcd-readiness", "informer-sync", "shutdown"]


def response(status, body, extra=()):
    head = [f"HTTP/1.1 {status} Status", "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}", *extra]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def chunked(status, chunks):
    head = f"HTTP/1.1 {status} Status\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


def unready():
    lines = [f"[{'-' if c == 'etcd' else '+'}]{c} " +
             ("failed: reason withheld" if c == "etcd" else "ok") for c in CHECKS]
    lines += [f"[+]poststarthook/number-{i}-{'x' * 40} ok" for i in range(40)]
    body = "\n".join([*lines, "readyz check failed", ""]).encode()
    return chunked(500, [body[:1000], body[1000:2048], body[2048:]])


class Server:
    def __init__(self, options):
        self.mode = options.mode
        self.files = (options.cert, options.key)
        self.client_ca = options.client_ca
        self.required = False
        self.token = None
        self.connections = 0
        self.requests = 0
        self.last = {}
        self.live = set()
        host, _, port = options.listen.rpartition(":")
        host = host.strip("[]")
        self.listener = socket.create_server(
            (host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=options.backlog)
        self.check_files()

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.files)
        if self.mode == "tls1.1":
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        if self.mode == "tls1.2":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"] if self.mode == "h2" else ["h2", "http/1.1"])
        if self.client_ca:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED if self.required else ssl.CERT_OPTIONAL
        return context

    def check_files(self):
        self.context()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        self.live.add(connection)
        try:
            self.talk(connection)
        except (OSError, ValueError):
            pass
        finally:
            self.live.discard(connection)
            connection.close()

    def talk(self, raw):
        if self.mode == "silent-tls":
            raw.recv(1)
            threading.Event().wait()
        if self.mode == "eof-tls":
            return
        if self.mode == "reset-tls":
            self.reset(raw)
            return
        if self.mode == "plain":
            raw.recv(4096)
            raw.sendall(response(400, b"no HTTP"))
            return
        session = {}
        context = self.context()
        context.sni_callback = lambda _socket, name, _context: session.update(sni=name)
        connection = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        self.live.discard(raw)
        self.live.add(connection)
        try:
            connection.do_handshake()
            self.requests_of(connection, session)
        finally:
            self.live.discard(connection)
            connection.close()

    def requests_of(self, connection, session):
        subject = dict(x[0] for x in (connection.getpeercert() or {}).get("subject", ()))
        session.update(alpn=connection.selected_alpn_protocol(), tls=connection.version(),
                       client=subject.get("commonName"))
        if self.mode == "h2":
            connection.sendall(struct.pack(">IBI", 0, 4, 0))  # SETTINGS, as 9 bytes
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                data = connection.recv(4096)
                if not data:
                    return
                buffer += data
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            line, *fields = head.decode().split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (f.partition(":") for f in fields)}
            self.last = {"line": line, "headers": headers, **session}
            self.requests += 1
            if not self.answer(connection, headers, session):
                return

    def answer(self, connection, headers, session):
        """One response; false if the connection ends with it."""
        name, *rest = self.mode.split()
        wanted = self.token and f"Bearer {self.token}"
        if (self.client_ca and not session.get("client")) or \
                (wanted and headers.get("authorization") != wanted):
            connection.sendall(response(401, b'{"kind":"Status","code":401}'))
            return True
        if name == "late":
            time.sleep(float(rest[0]))
        fixed = {
            "ok": response(200, b"ok"),
            "late": response(200, b"ok"),
            "tls1.1": response(200, b"ok"),
            "tls1.2": response(200, b"ok"),
            "close": response(200, b"ok"),
            "close-announced": response(200, b"ok", ["Connection: close"]),
            "until-eof": b"HTTP/1.1 200 OK\r\n\r\nok",
            "unready": unready(),
            "stall": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
            "garbage": b"\x16\x03 this is no HTTP at all\r\n\r\nnothing\r\n",
            "huge-body": response(200, b"x" * 100000),
            "huge-chunks": chunked(200, [b"x" * 1000] * 100),
            "huge-headers": response(200, b"ok", [f"X-{i}: {'x' * 1000}" for i in range(100)]),
        }
        if name == "reset":
            self.reset(connection)
        if name in ("raw", "drip"):
            text = self.mode.split(None, 1)[1].encode().decode("unicode_escape").encode("latin-1")
            step = len(text) if name == "raw" else 1
            for at in range(0, len(text), step):
                connection.sendall(text[at:at + step])
        if name == "status":
            place = ["Location: https://127.0.0.1/"] if rest[0].startswith("3") else []
            connection.sendall(response(int(rest[0]), b"no", place))
        elif name in fixed:
            connection.sendall(fixed[name])
        if name in ("silent", "stall"):
            connection.recv(1)
            return False
        return name not in ("close", "close-announced", "until-eof", "eof", "reset", "garbage")

    @staticmethod
    def reset(connection):
        """The close that follows sends RST."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def command(self, line):
        name, *rest = line.split(None, 1)
        value = rest[0].strip() if rest else ""
        if name == "mode":
            self.mode = value
        elif name == "cert":
            self.files = tuple(value.split())
            self.check_files()
        elif name == "client-ca":
            self.client_ca = None if value == "-" else value
            self.check_files()
        elif name == "require":
            self.required = value == "on"
        elif name == "token":
            self.token = None if value == "-" else value
        elif name == "drop":
            for connection in list(self.live):
                connection.shutdown(socket.SHUT_RDWR)
        elif name == "count":
            return f"connections {self.connections} requests {self.requests}"
        elif name == "last":
            return json.dumps(self.last)
        else:
            return f"error: no command {name}"
        return "ok"

    def commands(self, stream):
        for line in stream:
            if not line.strip():
                continue
            try:
                answer = self.command(line)
            except (OSError, ValueError) as error:
                answer = f"error: {error}"
            print(answer, flush=True)
        os._exit(0)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--client-ca")
    parser.add_argument("--mode", default="ok")
    parser.add_argument("--control")
    parser.add_argument("--backlog", type=int, default=64)
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1, which is the point of it

    server = Server(options)
    print(f"listening {server.listener.getsockname()[1]}", flush=True)
    if options.control:
        if not os.path.exists(options.control):
            os.mkfifo(options.control)
        # Open for both ways, so that the end of one writer is not the end of the commands.
        control = os.fdopen(os.open(options.control, os.O_RDWR), "rb", buffering=0)
        stream = (line.decode() for line in iter(control.readline, b""))
    else:
        stream = sys.stdin
    threading.Thread(target=server.commands, args=(stream,), daemon=True).start()
    server.run()


if __name__ == "__main__":
    main()
