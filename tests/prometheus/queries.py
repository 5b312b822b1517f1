#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the dashboard, the alerts and their tests ask for, held against what a daemon exports.

queries.py fetch SOCKET                              the metrics of the daemon behind the control socket
queries.py check METRICS DASHBOARD RULES RULE-TESTS  fails if they use a name or a label that is not among the metrics;
                                                     prints the queries of the dashboard as a file of rules
"""
import json
import re
import socket
import sys
from collections import defaultdict

LABEL = re.compile(r'(\w+)\s*(?:=~|!=|!~|=)\s*"([^"]*)"')
# What Prometheus adds to a sample, and what its operator may add.
TARGET = {"job": set(), "instance": set(), "cluster": set()}


def fetch(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = b""
        while part := sock.recv(65536):
            answer += part
    sys.stdout.write(answer.partition(b"\r\n\r\n")[2].decode())


def stored(metrics):
    """Name -> label -> values, as Prometheus stores them: the daemon's `instance` gives way to the target's."""
    series = defaultdict(lambda: defaultdict(set))
    for name, labels in re.findall(r"^(cpvrrp_\w+)(?:{(.*)})? \S+$", metrics, re.M):
        found = series[name]
        for label, value in LABEL.findall(labels):
            found["exported_instance" if label == "instance" else label].add(value)
    return series


def names(text):
    return set(re.findall(r"\bcpvrrp_\w+", text))


def labels_of_query(query, legend=""):
    words = {label for label, _ in LABEL.findall(query)}
    for listed in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", query):
        words |= set(re.findall(r"\w+", listed))
    return words | set(re.findall(r"{{\s*(\w+)\s*}}", legend))


def check_dashboard(series, path):
    dashboard = json.load(open(path))
    rules = []
    for variable in dashboard["templating"]["list"]:
        for name in names(str(variable["query"])):
            if name not in series:
                yield f"{path}: variable {variable['name']}: no metric {name}"
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query, where = target["expr"], f"{path}: {panel['title']}"
            if not names(query):
                yield f"{where}: no metric in {query}"
            for name in names(query):
                if name not in series:
                    yield f"{where}: no metric {name}"
                for label in labels_of_query(query, target["legendFormat"]) - set(series[name]) - set(TARGET):
                    yield f"{where}: {name} has no label {label}"
            for variable, value in (("$__rate_interval", "1m"), ("$cluster", ".*"), ("$router", ".*")):
                query = query.replace(variable, value)
            if "$" in query:
                yield f"{where}: unknown variable in {query}"
            rules.append({"record": f"panel:{panel['id']}:{target['refId']}", "expr": query})
    print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))


def check_rules(series, path):
    for name in names(open(path).read()) - set(series):
        if name != "cpvrrp_rules":
            yield f"{path}: no metric {name}"


def check_rule_tests(series, path):
    """The samples made up for the tests could be real ones."""
    for name, labels in re.findall(r"'(cpvrrp_\w+)\{(.*)\}'", open(path).read()):
        for label, value in LABEL.findall(labels):
            if label in TARGET:
                continue
            if label not in series[name]:
                yield f"{path}: {name} has no label {label}"
            elif label in ("family", "reason", "to") and value not in series[name][label] | {"ipv6"}:
                yield f"{path}: {name} has no {label} {value}"


def check(metrics, dashboard, rules, rule_tests):
    series = stored(open(metrics).read())
    wrong = [
        *check_dashboard(series, dashboard),
        *check_rules(series, rules),
        *check_rule_tests(series, rule_tests),
    ]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    {"fetch": fetch, "check": check}[sys.argv[1]](*sys.argv[2:])
