#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""settings.py MODULES DRIVE SOCKET: what cloud-init makes of the settings

MODULES is the dist-packages of some guest, DRIVE the files of the configuration drive,
SOCKET the metadata service of the same settings.  Fails where a value is not the one that
tests/oracle/settings.sh asked for."""
import http.server
import inspect
import io
import json
import logging
import os
import socket
import sys
import threading
import types

modules, drive, unix = sys.argv[1:]
# Behind the modules of this Python, which know its version.
sys.path.insert(0, modules)
sys.dont_write_bytecode = True
os.environ.pop("http_proxy", None)

from cloudinit import distros, util, version  # noqa: E402, F401 (distros: a circle)
from cloudinit.config import cc_set_passwords  # noqa: E402
from cloudinit.net import eni, netplan, network_state, sysconfig  # noqa: E402
from cloudinit.sources import convert_vendordata  # noqa: E402
from cloudinit.sources.helpers import openstack  # noqa: E402
try:
    from cloudinit.sources.helpers import ec2
except ImportError:
    from cloudinit import ec2_utils as ec2

MAC = "52:54:00:bf:b3:51"
failed = []


def same(what, want, got):
    if want != got:
        failed.append(what)
        print(f"{what}: {got!r}, expected {want!r}")


class Proxy(http.server.BaseHTTPRequestHandler):
    """From TCP, which cloud-init can speak, to the socket."""

    def do_GET(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(unix)
        s.sendall(f"GET {self.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = http.client.HTTPResponse(s)
        answer.begin()
        body = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        s.close()
        asked.append((answer.status, self.path))

    def log_message(self, *_):
        pass


def check_results(name, r):
    same(f"{name}: version", 2, r.get("version"))
    m = r["metadata"]
    same(f"{name}: instance-id", "6fa459ea-ee8a-3ca4-894e-db77e160355e", m["instance-id"])
    same(f"{name}: host name", "vm-10-0-2-77", m.get("local-hostname") or m["hostname"])
    same(f"{name}: key", {"key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE me@here"},
         m["public_keys"] if "public_keys" in m else m.get("public-keys"))
    same(f"{name}: zone", "ap-guangzhou-3", m["availability_zone"])
    data = r["userdata"]
    same(f"{name}: user data", b"#cloud-config\nlocale: false\n",
         data if isinstance(data, bytes) else data.encode())
    vendor = convert_vendordata(r["vendordata"])
    same(f"{name}: vendor data", True, vendor.startswith("#cloud-config\n"))
    config = util.load_yaml(vendor)
    same(f"{name}: password", "root:$6$", config["chpasswd"]["list"][:8])
    same(f"{name}: password is to stay", False, config["chpasswd"]["expire"])
    same(f"{name}: root may use the key", False, config["disable_root"])
    check_password(name, config)
    check_schema(name, config)
    check_network(name, r["networkdata"])


class Distro:
    """As much of a system as setting a password takes."""

    init_cmd = ["service"]

    def __init__(self):
        self.asked = set()

    def get_default_user(self):
        return {"name": "debian"}

    def get_option(self, _, value):
        return value

    def chpasswd(self, pairs, hashed):
        """Lines for chpasswd(8) once, pairs since 22.4."""
        if isinstance(pairs, str):
            pairs = [line.split(":", 1) for line in pairs.splitlines()]
        self.asked |= {(user, password[:3], hashed) for user, password in pairs}


def check_password(name, config):
    distro = Distro()
    cc_set_passwords.handle_ssh_pwauth = lambda *_, **__: None
    if hasattr(cc_set_passwords, "chpasswd"):
        cc_set_passwords.chpasswd = lambda d, pairs, hashed=False: d.chpasswd(pairs, hashed)
    words = ["x", {"chpasswd": config["chpasswd"]}, types.SimpleNamespace(distro=distro),
             logging.getLogger(), []]
    if len(inspect.signature(cc_set_passwords.handle).parameters) == 4:
        del words[3]
    cc_set_passwords.handle(*words)
    same(f"{name}: passwords set", {("root", "$6$", True)}, distro.asked)


def check_schema(name, config):
    """Newer releases call the list of passwords old; what they call wrong, is."""
    try:
        from cloudinit.config.schema import SchemaValidationError, get_schema
        from cloudinit.config.schema import validate_cloudconfig_schema
        import jsonschema  # noqa: F401
        schema = get_schema()
    except ImportError:
        return
    try:
        validate_cloudconfig_schema(config, schema, strict=True)
    except SchemaValidationError as e:
        if e.schema_errors:
            same(f"{name}: schema", "no errors", str(e))
    except TypeError:
        pass


def rendered(renderer, state, name):
    """The files that a renderer writes."""
    target = os.path.join(drive, "..", f"rendered-{name}-{os.getpid()}")
    renderer.render_network_state(state, target=target)
    out = io.StringIO()
    for folder, _, files in sorted(os.walk(target)):
        for f in sorted(files):
            with open(os.path.join(folder, f), encoding="utf-8") as text:
                out.write(text.read())
    return out.getvalue()


def state_of(config):
    return network_state.parse_net_config_data(config, skip_broken=False)


def check_network(name, data):
    config = openstack.convert_net_json(data, known_macs={MAC: "eth0"})
    texts = {
        "eni": rendered(eni.Renderer({"eni_path": "etc/interfaces"}), state_of(config), "eni"),
        "sysconfig": rendered(
            sysconfig.Renderer(
                {"sysconf_dir": "etc/sysconfig",
                 "control": "etc/sysconfig/network",
                 "iface_templates": "%(base)s/network-scripts/ifcfg-%(name)s",
                 "route_templates": {"ipv4": "%(base)s/network-scripts/route-%(name)s",
                                     "ipv6": "%(base)s/network-scripts/route6-%(name)s"}}),
            state_of(config), "sysconfig"),
        "netplan": rendered(netplan.Renderer({"netplan_path": "etc/netplan.yaml"}),
                            state_of(config), "netplan"),
    }
    want = {
        "eni": [["address 10.0.2.77/24", "address 10.0.2.77\n"], ["gateway 10.0.2.2\n"],
                ["dns-nameservers 10.0.2.3 10.0.2.4"]],
        "sysconfig": [["IPADDR=10.0.2.77"], ["NETMASK=255.255.255.0"], ["GATEWAY=10.0.2.2"],
                      ["DNS1=10.0.2.3"], ["DNS2=10.0.2.4"]],
        "netplan": [["10.0.2.77/24"], ["10.0.2.2"], ["10.0.2.3"], ["10.0.2.4"]],
    }
    for kind, wanted in want.items():
        for one in wanted:
            if not any(w in texts[kind] for w in one):
                same(f"{name}: {kind}", one, texts[kind])


logging.disable(logging.CRITICAL)
check_results("drive", openstack.ConfigDriveReader(drive).read_v2())

asked = []
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_address[1]}"
reader = openstack.MetadataReader(base, timeout=10, retries=0)
check_results("service", reader.read_v2())

# What the data source does besides: all that is listed, to its leaves.
del asked[:]
tree = ec2.get_instance_metadata("latest", base, retries=0)
same("EC2: id", "ins-3g445roi", tree["instance-id"])
same("EC2: gateway", "10.0.2.2",
     tree["network"]["interfaces"]["macs"][MAC.upper()]["local-ipv4s"]["10.0.2.77"]["gateway"])
same("EC2: what is listed answers", [], [a for a in asked if a[0] != 200])
tree = ec2.get_instance_metadata("2009-04-04", base, retries=0)
same("EC2 of 2009: id", "6fa459ea-ee8a-3ca4-894e-db77e160355e", tree["instance-id"])
same("EC2 of 2009: key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE me@here",
     tree["public-keys"]["key"] if isinstance(tree["public-keys"], dict) else tree["public-keys"])

print(f"cloud-init {version.version_string()}, {len(asked)} requests, {len(failed)} failed")
sys.exit(bool(failed))
