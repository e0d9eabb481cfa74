"""The test images, as recipes: what each one installs, writes and sets. Data only."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Recipe(NamedTuple):
    """One image. `base` None: no layer below; `packages` are Debian's; `shell` runs in it afterwards."""

    base: str | None
    packages: tuple[str, ...] = ()
    shell: str = ""
    config: Mapping[str, object] = MappingProxyType({})  # the image config's `config` object


PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

RECIPES: dict[str, Recipe] = {
    "busybox": Recipe(base=None, config={"Env": [PATH], "Cmd": ["sh"]}),
    "debian": Recipe(base=None, config={"Env": [PATH], "Cmd": ["bash"]}),
    "nginx": Recipe(
        base="debian",
        packages=("nginx-light", "curl"),
        shell="""
            rm -f /etc/nginx/sites-enabled/default /etc/nginx/nginx.conf
            mkdir -p /usr/share/nginx/html /etc/nginx/conf.d
            ln -sf /dev/stdout /var/log/nginx/access.log
            ln -sf /dev/stderr /var/log/nginx/error.log
            useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin nginx
            cat >/etc/nginx/nginx.conf <<'EOF'
user  nginx;
worker_processes  1;
error_log  /var/log/nginx/error.log notice;
pid        /var/run/nginx.pid;
events { worker_connections  1024; }
http {
    include       /etc/nginx/mime.types;
    default_type  application/octet-stream;
    access_log  /var/log/nginx/access.log;
    sendfile        on;
    keepalive_timeout  65;
    include /etc/nginx/conf.d/*.conf;
}
EOF
            cat >/etc/nginx/conf.d/default.conf <<'EOF'
server {
    listen       80;
    server_name  localhost;
    location / { root /usr/share/nginx/html; index index.html; }
}
EOF
            cat >/usr/share/nginx/html/index.html <<'EOF'
<!DOCTYPE html>
<html><head><title>Welcome to nginx!</title></head>
<body><h1>Welcome to nginx!</h1><p>If you see this page, the nginx web server works.</p></body></html>
EOF
        """,
        config={
            "Env": [PATH],
            "Cmd": ["nginx", "-g", "daemon off;"],
            "ExposedPorts": {"80/tcp": {}},
            "StopSignal": "SIGQUIT",
            "Labels": {"maintainer": "sampan tests"},
        },
    ),
    "redis": Recipe(
        base="debian",
        packages=("redis-server",),
        shell="mkdir -p /data && chown redis:redis /data",
        config={
            "Env": [PATH],
            "Cmd": ["redis-server", "--protected-mode", "no", "--bind", "0.0.0.0", "--save", ""],
            "ExposedPorts": {"6379/tcp": {}},
            "Volumes": {"/data": {}},
            "WorkingDir": "/data",
            "User": "redis",
        },
    ),
    "python": Recipe(
        base="debian",
        packages=("python3", "python3-pip", "python3-venv", "ca-certificates"),
        shell="""
            rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
            ln -sf /usr/bin/python3 /usr/local/bin/python
        """,
        config={
            "Env": [PATH, "LANG=C.UTF-8", "PIP_CERT=/etc/ssl/certs/ca-certificates.crt"],
            "Cmd": ["python3"],
        },
    ),
}
