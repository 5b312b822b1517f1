#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands between a browser and a daemon, for what a daemon cannot be made to do in time.

page.py DAEMON PORT   serves on localhost, from the daemon's URL:
  /                   the page; of the state it then gives one answer, whose last error is markup, and after that none
  /measured           the page, and the state as often as it is asked for; <body data-fits> says whether the page is
                      as wide as the window, not wider. Without the policy, which allows no such script.
"""
import http.server
import json
import socketserver
import sys
import urllib.request

MEASURE = b"""<script>setInterval(() => {
    document.body.dataset.fits = document.documentElement.scrollWidth <= innerWidth && document.querySelectorAll("td").length > 9;
}, 100)</script>"""


class Between(http.server.BaseHTTPRequestHandler):
    answers = 0

    def do_GET(self):
        daemon = sys.argv[1]
        if self.path == "/v1/state":
            Between.answers -= 1
            if Between.answers < 0:
                self.close_connection = True
                return
        page = "/" if self.path == "/measured" else self.path
        with urllib.request.urlopen(daemon + page, timeout=5) as answer:
            body, headers = answer.read(), answer.headers
        if self.path == "/":
            Between.answers = 1
        if self.path == "/measured":
            Between.answers = 1000
            body += MEASURE
        if self.path == "/v1/state":
            state = json.loads(body)
            state["apiserver"]["last_error"] = '<b id="markup">no such host</b>'
            body = json.dumps(state).encode()
        self.send_response(200)
        for name in ("Content-Type", "Content-Security-Policy"):
            if headers[name] and self.path != "/measured":
                self.send_header(name, headers[name])
        if self.path == "/measured":
            self.send_header("Content-Type", headers["Content-Type"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


# An HTTPServer would ask DNS for its own name.
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[2])), Between).serve_forever()
