#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the stories cannot do in shell.

stage.py value KEY...           a value out of the JSON on standard input
stage.py get ADDRESS CA         the name of the node that answers https://ADDRESS:6443/node
stage.py listen                 adverts, STATUS, ARP and NA on all ports of the bridge, a line each
stage.py notified NAME          what comes to the Unix datagram socket NAME (@: abstract), a line each
stage.py send KEY=VALUE...      one VRRP packet, right or wrong; keys: see forge()
"""
import ctypes
import ipaddress
import json
import socket
import struct
import sys
import time

VRRP = 112


def value(*keys):
    text = sys.stdin.read()
    if not text:
        sys.exit(1)  # no daemon
    found = json.loads(text)
    for key in keys:
        found = found[int(key)] if isinstance(found, list) else found[key]
    print(found if isinstance(found, str) else json.dumps(found))


def get(address, ca_file):
    import ssl

    context = ssl.create_default_context(cafile=ca_file)
    with socket.create_connection((address, 6443), timeout=2) as plain:
        with context.wrap_socket(plain, server_hostname="kubernetes") as tls:
            tls.sendall(b"GET /node HTTP/1.0\r\n\r\n")
            answer = b""
            while part := tls.recv(4096):
                answer += part
    print(answer.partition(b"\r\n\r\n")[2].decode())


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def attach_filter(sock):
    """ARP, protocol 112, neighbour advertisements: the client's connections cost nothing here."""
    program = (
        (0x28, 0, 0, 12),  # ldh ethertype
        (0x15, 9, 0, 0x0806),
        (0x15, 0, 2, 0x0800),
        (0x30, 0, 0, 23),  # ldb IPv4 protocol
        (0x15, 6, 7, VRRP),
        (0x15, 0, 6, 0x86DD),
        (0x30, 0, 0, 20),  # ldb IPv6 next header
        (0x15, 3, 0, VRRP),
        (0x15, 0, 3, 58),
        (0x30, 0, 0, 54),  # ldb ICMPv6 type
        (0x15, 0, 1, 136),
        (0x06, 0, 0, 65535),
        (0x06, 0, 0, 0),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in program))
    fprog = struct.pack("HP", len(program), ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, 26, fprog)  # SO_ATTACH_FILTER


def describe_status(data, hops, source, destination, size):
    priority, count, vrid, flags, state = data[2], data[3], data[8], data[9] >> 4, data[9] & 15
    heard = [
        str(ipaddress.ip_address(data[36 + i * size : 36 + (i + 1) * size]))
        for i in range(count)
    ]
    return "status %s %s hops=%d vrid=%d priority=%d state=%d leaving=%d heard=%s" % (
        source, destination, hops, vrid, priority, state, flags >> 1 & 1, ",".join(heard))


def describe_advert(data, hops, source, destination, size):
    version_type, vrid, priority, count, interval = struct.unpack("!BBBBH", data[:6])
    if version_type & 15 == 15 and vrid == 0:
        return describe_status(data, hops, source, destination, size)
    addresses = [
        str(ipaddress.ip_address(data[8 + i * size : 8 + (i + 1) * size])) for i in range(count)
    ]
    return "advert %s %s hops=%d vrid=%d priority=%d interval=%d addresses=%s" % (
        source, destination, hops, vrid, priority, interval & 0xFFF, ",".join(addresses))


def describe(frame):
    ethertype = struct.unpack("!H", frame[12:14])[0]
    data = frame[14:]
    if ethertype == 0x0806:
        operation = {1: "request", 2: "reply"}.get(struct.unpack("!H", data[6:8])[0], "?")
        return "arp %s %s %s" % (
            operation, ipaddress.ip_address(data[14:18]), ipaddress.ip_address(data[24:28]))
    if ethertype == 0x0800:
        header = (data[0] & 15) * 4
        return describe_advert(data[header:], data[8], ipaddress.ip_address(data[12:16]),
                               ipaddress.ip_address(data[16:20]), 4)
    source, destination = ipaddress.ip_address(data[8:24]), ipaddress.ip_address(data[24:40])
    if data[6] == VRRP:
        return describe_advert(data[40:], data[7], source, destination, 16)
    return "na %s override=%d" % (ipaddress.ip_address(data[48:64]), data[44] >> 5 & 1)


def listen():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
    attach_filter(sock)
    sock.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
    print("listening", flush=True)
    while True:
        frame, ancillary, _, origin = sock.recvmsg(65535, 128)
        # Frames that the bridge itself hears or passes on were seen at the port they came from.
        if origin[2] == socket.PACKET_OUTGOING or origin[0] == "bridge":
            continue
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
        try:
            what = describe(frame)
        except (struct.error, ValueError):
            what = "malformed"
        print("%d.%06d %s %s" % (seconds, nanoseconds // 1000, origin[0], what), flush=True)


def forge(source, destination="", hops="255", version="3", type="1", vrid="10", priority="254",
          interval="25", addresses="10.10.0.10", count="", add="0", cut="0", trailer="0"):
    """A packet from source. add: to the right checksum. cut, trailer: bytes less, bytes more.
    count: if not the number of addresses. destination: the VRRP group if not given."""
    source = ipaddress.ip_address(source)
    listed = [ipaddress.ip_address(a) for a in addresses.split(",") if a]
    group = "224.0.0.18" if source.version == 4 else "ff02::12"
    destination = ipaddress.ip_address(destination or group)
    message = struct.pack("!BBBBHH", int(version) << 4 | int(type), int(vrid), int(priority),
                          int(count or len(listed)), int(interval), 0)
    message += b"".join(a.packed for a in listed) + bytes(int(trailer))
    pseudo = b""
    if source.version == 6:
        pseudo = source.packed + destination.packed + struct.pack("!IHBB", len(message), 0, 0, VRRP)
    right = checksum(pseudo + message)
    message = message[:6] + struct.pack("!H", (right + int(add)) & 0xFFFF) + message[8:]
    message = message[: len(message) - int(cut)]
    if source.version == 4:
        header = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(message), 0, 0, int(hops), VRRP, 0)
        header += source.packed + destination.packed
        frame = struct.pack("!H", 0x0800) + header[:10] + struct.pack("!H", checksum(header))
        return destination, frame + header[12:] + message
    header = struct.pack("!IHBB", 0x6C000000, len(message), VRRP, int(hops))
    return destination, (struct.pack("!H", 0x86DD) + header + source.packed + destination.packed +
                         message)


def send(*fields):
    """Written to the interface as a frame, so that nothing is put right on its way."""
    options = dict(field.split("=", 1) for field in fields)
    times, pause = int(options.pop("times", "1")), float(options.pop("pause", "0"))
    mac = options.pop("mac", "")
    destination, rest = forge(**options)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind(("eth0", 0))
    if mac:
        target = bytes.fromhex(mac.replace(":", ""))
    elif destination.version == 4:
        target = b"\x01\x00\x5e" + bytes([destination.packed[1] & 0x7F]) + destination.packed[2:]
    else:
        target = b"\x33\x33" + destination.packed[12:]
    for _ in range(times):
        sock.send(target + sock.getsockname()[4] + rest)
        time.sleep(pause)


def notified(name):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(name.replace("@", "\0"))
    print("listening", flush=True)
    while True:
        text = sock.recv(4096).decode()
        print("%.3f %s" % (time.monotonic(), text.strip().replace("\n", " ")), flush=True)


if __name__ == "__main__":
    verbs = {"value": value, "get": get, "listen": listen, "notified": notified, "send": send}
    verbs[sys.argv[1]](*sys.argv[2:])
