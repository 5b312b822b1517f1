#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The clients of cluster.test.

client.py tick CERTS ADDRESS...                     writes to the ConfigMap "ticker" ten times a second, at the first
                                                    apiserver that takes it, not by way of the VIP
client.py watch FILE COUNT COMMAND...               COUNT times the COMMAND, which prints a line for each change of it.
                                                    Writes to FILE, when each has printed one and on SIGUSR1, a line
                                                    "OPEN ENDED STALL_MS": how many are open, how many ended and how
                                                    long one of the open ones was silent, both since the last time
"""
import http.client
import itertools
import os
import selectors
import signal
import ssl
import subprocess
import sys
import time

PACE = 0.1


def tick(certs, *addresses):
    context = ssl.create_default_context(cafile=f"{certs}/ca.crt")
    context.check_hostname = False
    context.load_cert_chain(f"{certs}/admin.crt", f"{certs}/admin.key")
    around, connection = itertools.cycle(addresses), None
    for number in itertools.count(1):
        while True:
            try:
                connection = connection or http.client.HTTPSConnection(next(around), 6443, timeout=0.5, context=context)
                connection.request(
                    "PATCH",
                    "/api/v1/namespaces/default/configmaps/ticker",
                    '{"data": {"n": "%d"}}' % number,
                    {"Content-Type": "application/merge-patch+json"},
                )
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    break
            except OSError:
                pass
            except http.client.HTTPException:
                pass
            connection = connection.close()
        time.sleep(PACE)


class Watches:
    def __init__(self, path, count, command):
        self.path = path
        self.processes = []
        self.selector = selectors.DefaultSelector()
        self.said = {}  # when a watch had its last event
        self.stall = self.ended = 0
        for _ in range(count):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)
            self.processes.append(process)
            self.selector.register(process.stdout, selectors.EVENT_READ)
            self.said[process.stdout] = None
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        sys.exit()

    def report(self, *_):
        now = time.monotonic()
        stall = max([self.stall, *(now - said for said in self.said.values() if said)])
        with open(self.path + ".new", "w", encoding="ascii") as file:
            print(len(self.said), self.ended, round(1000 * stall), file=file)
        os.rename(self.path + ".new", self.path)
        self.stall = self.ended = 0

    def take(self, out):
        now, data = time.monotonic(), os.read(out.fileno(), 65536)
        if data:
            if self.said[out]:
                self.stall = max(self.stall, now - self.said[out])
            self.said[out] = now
            return
        self.selector.unregister(out)
        del self.said[out]
        self.ended += 1

    def run(self):
        complete = False
        while True:
            for key, _ in self.selector.select(1):
                self.take(key.fileobj)
            if not complete and all(self.said.values()):
                complete, self.stall = True, 0
                signal.signal(signal.SIGUSR1, self.report)
                self.report()


if __name__ == "__main__":
    if sys.argv[1] == "tick":
        tick(*sys.argv[2:])
    else:
        Watches(sys.argv[2], int(sys.argv[3]), sys.argv[4:]).run()
