#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that stay open, for the stories of BALANCE.

streams.py serve NAME PORT              says NAME to each connection, then echoes
streams.py hold ADDRESS PORT COUNT FILE opens COUNT connections, one after the other, asks each for an echo every
                                        100 ms, and writes to FILE what came of it: once all are open, on SIGUSR1,
                                        and at the end (SIGTERM)

FILE has a line "open N alive N broken N stuck N silence MS" and a line "NAME COUNT" for each server. Silence is the
longest time that any of them waited for an echo since the last SIGUSR1, or since all were open; those that wait for
more than two seconds are stuck, and not alive.
"""
import asyncio
import os
import signal
import ssl
import sys
import time

PACE = 0.1
STUCK = 2


async def echo(reader, writer, name):
    try:
        writer.write(name.encode() + b"\n")
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve(name, port):
    server = await asyncio.start_server(lambda r, w: echo(r, w, name), ["0.0.0.0", "::"], port, backlog=1024)
    await server.serve_forever()


async def ask_echo(reader, writer):
    writer.write(b"x")
    if not await reader.read(1):
        raise ConnectionError


async def ask_name(reader, writer):
    writer.write(b"GET /node HTTP/1.1\r\nHost: kubernetes\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.lower().split(b"content-length:")[1].split()[0]))


class Holder:
    def __init__(self, path, ca):
        self.path = path
        self.ask = ask_name if ca else ask_echo
        self.tls = {"ssl": ssl.create_default_context(cafile=ca), "server_hostname": "kubernetes"} if ca else {}
        self.served = {}
        self.opened = self.broken = 0
        self.asked = {}  # since when a connection waits for its echo
        self.silence = 0.0

    async def hold(self, number, reader, writer):
        try:
            while True:
                self.asked[number] = time.monotonic()
                await self.ask(reader, writer)
                self.note(number)
                await asyncio.sleep(PACE)
        except (OSError, EOFError):
            self.note(number)
            self.broken += 1

    def note(self, number):
        self.silence = max(self.silence, time.monotonic() - self.asked.pop(number))

    async def open(self, address, port):
        reader, writer = await asyncio.wait_for(asyncio.open_connection(address, port, **self.tls), 5)
        hello = ask_name(reader, writer) if self.tls else reader.readline()
        name = (await asyncio.wait_for(hello, 5)).decode().strip()
        self.served[name] = self.served.get(name, 0) + 1
        self.opened += 1
        return self.opened, reader, writer

    def report(self, begin_anew=True):
        waiting = max([time.monotonic() - since for since in self.asked.values()], default=0.0)
        with open(self.path + ".new", "w", encoding="ascii") as file:
            stuck = sum(time.monotonic() - since > STUCK for since in self.asked.values())
            alive = self.opened - self.broken - stuck
            silence = round(max(self.silence, waiting) * 1000)
            print(f"open {self.opened} alive {alive} broken {self.broken} stuck {stuck} silence {silence}", file=file)
            for name, count in sorted(self.served.items()):
                print(name, count, file=file)
        os.rename(self.path + ".new", self.path)
        if begin_anew:
            self.silence = 0.0


async def hold(address, port, count, path, ca=None):
    holder = Holder(path, ca)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, holder.report)
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    opened = [await holder.open(address, port) for _ in range(count)]
    tasks = [asyncio.create_task(holder.hold(*connection)) for connection in opened]
    await asyncio.sleep(2 * PACE)
    holder.report()
    await ended.wait()
    holder.report()
    for task in tasks:
        task.cancel()


def main():
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2], int(sys.argv[3])))
    else:
        asyncio.run(hold(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:]))


main()
