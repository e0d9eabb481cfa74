"""What a container is given, as facts that can be compared: one string value for each.

Gathered by a shell script and a probe inside, so that any engine with Docker's command line can be asked.
"""

import os
from collections.abc import Iterator

from harness.clients import Client

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
_SYSCTLS = (
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.default.disable_ipv6",
    "net.ipv6.conf.eth0.disable_ipv6",
    "net.ipv6.conf.lo.disable_ipv6",
)
# Opened, and nothing done: whether the device rules let it be.
_OPENED = {
    "null": "c 1 3",
    "zero": "c 1 5",
    "full": "c 1 7",
    "random": "c 1 8",
    "urandom": "c 1 9",
    "mem": "c 1 1",
    "port": "c 1 4",
    "kmsg": "c 1 11",
    "tty": "c 5 0",
    "tty0": "c 4 0",
    "tun": "c 10 200",
    "fuse": "c 10 229",
    "kvm": "c 10 232",
    "hpet": "c 10 228",
    "loop-control": "c 10 237",
    "loop0": "b 7 0",
    "sda": "b 8 0",
    "vda": "b 254 0",
}
SCRIPT = f"""
say() {{ echo "$1 = $2"; }}
for set in Inh Prm Eff Bnd Amb; do say cap.$set $(awk "/^Cap$set/"'{{print $2}}' /proc/self/status); done
say seccomp $(awk '/^Seccomp:/{{print $2}}' /proc/self/status)
say no_new_privs $(awk '/^NoNewPrivs/{{print $2}}' /proc/self/status)
say ids "$(id -u):$(id -g):$(id -G | tr ' ' '\\n' | sort -n | tr '\\n' ,)"
say umask $(umask)
say oom_score_adj $(cat /proc/self/oom_score_adj)
for signals in Blk Ign; do say signals.$signals $(awk "/^Sig$signals/"'{{print $2}}' /proc/self/status); done
for kind in {" ".join(NAMESPACES)}; do say ns.$kind $(readlink /proc/self/ns/$kind); done
for key in {" ".join(_SYSCTLS)}; do say sysctl.$key "$(cat /proc/sys/$(echo $key | tr . /) 2>/dev/null)"; done
env | while IFS= read -r line; do say "env.${{line%%=*}}" "${{line#*=}}"; done
awk '/^Max/{{print "limit." substr($0, 5, 21) " = " substr($0, 48, 20)}}' /proc/self/limits
find /dev -type c -o -type b -o -type l | grep -v ^/dev/pts | while read node; do
    say "node.$node" "$(stat -c '%F %a %u:%g %t:%T' $node) $(readlink $node)"; done
mkdir -p /tmp/nodes
{"".join(f"mknod /tmp/nodes/{name} {numbers} 2>/dev/null;" for name, numbers in _OPENED.items())}
for name in {" ".join(_OPENED)}; do
    said=$( (exec 3</tmp/nodes/$name) 2>&1) && said=yes; say opens.$name "${{said##*: }}"; done
awk '{{print "mount", $0}}' /proc/self/mountinfo
"""


def gather(cli: Client, flags: list[str], image: str = "busybox") -> dict[str, str]:
    return dict(_facts(cli("run", "--rm", *flags, image, "sh", "-c", SCRIPT).out))


def gather_exec(cli: Client, name: str, flags: list[str]) -> dict[str, str]:
    return dict(_facts(cli("exec", *flags, name, "sh", "-c", SCRIPT).out))


def _facts(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.startswith("mount "):
            yield from _mount(line.split()[1:])
        elif " = " in line:
            key, _, value = line.partition(" = ")
            yield _said(key.strip(), " ".join(value.split()))


def _said(key: str, value: str) -> tuple[str, str]:
    if key.startswith("ns."):
        kind = key[3:]
        same = os.path.exists(f"/proc/self/ns/{kind}") and os.readlink(f"/proc/self/ns/{kind}") == value
        return key, "the machine's" if same else "own"
    if key == "env.HOSTNAME":
        return key, "its own" if len(value) == 12 else value
    return key, value


def _mount(fields: list[str]) -> Iterator[tuple[str, str]]:
    """Of a line of /proc/PID/mountinfo (proc(5)): the type, the mount's options, the file system's."""
    where, options = fields[4], fields[5]
    kind, _, below = fields[fields.index("-") + 1 :]
    peers = any(word.startswith("shared") for word in fields[6 : fields.index("-")])
    if peers:
        yield f"shared.{where}", "with the machine"
    if where == "/" or where.startswith("/etc/"):
        yield f"mount.{where}", _options(options)
    elif where.startswith("/sys/fs/cgroup"):
        name = "" if where == "/sys/fs/cgroup" and kind == "tmpfs" else "/*"
        yield f"mount./sys/fs/cgroup{name}", f"{kind} {'ro' if 'ro' in options.split(',') else 'rw'}"
    else:
        asked = _filesystem(below) if where.startswith(("/dev", "/tmp")) else ""
        yield f"mount.{where}", f"{kind} {_options(options)} {asked}".strip()


def _options(text: str) -> str:
    """Sorted; the kind of access time that a kernel has by default is no difference."""
    return ",".join(sorted(word for word in text.split(",") if word != "relatime"))


def _filesystem(text: str) -> str:
    """What was asked for, not what a kernel adds (inode64, nr_inodes)."""
    asked = ("size", "mode", "gid", "ptmxmode")
    return ",".join(sorted(word for word in text.split(",") if word.partition("=")[0] in asked))
