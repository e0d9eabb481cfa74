"""Dockerfiles that are really built: what is in the context, and what the image then does. Data only."""

# ruff: noqa: E501 (a Dockerfile is easier to read on one line)

import gzip
import io
import tarfile
from typing import NamedTuple


class Case(NamedTuple):
    dockerfile: str
    files: dict[str, str | bytes] = {}  # noqa: RUF012 (never changed)
    flags: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    output: str = ""
    network: bool = False  # needs package servers


def archive(**files: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid = len(content), 0o640, 7
            tar.addfile(info, io.BytesIO(content.encode()))
    return stream.getvalue()


SERVER = "import http.server, sys\nprint('python', sys.version_info[0], http.server.__name__)\n"

CASES: dict[str, Case] = {
    "shell and exec": Case(
        'FROM busybox\nRUN echo one > /a\nRUN ["sh", "-c", "echo two >> /a"]\nCMD ["cat", "/a"]',
        output="one\ntwo\n",
    ),
    "python app": Case(
        "FROM python\nWORKDIR /app\nCOPY requirements.txt .\nRUN --mount=type=cache,target=/root/.cache/pip "
        'pip install --no-index -r requirements.txt\nCOPY . .\nUSER nobody\nCMD ["python", "app.py"]',
        {"requirements.txt": "# nothing to fetch\n", "app.py": SERVER},
        output="python 3 http.server\n",
    ),
    "pip install": Case(
        "FROM python\nRUN --mount=type=cache,target=/root/.cache/pip pip install six\n"
        'CMD ["python3", "-c", "import six; print(six.__name__)"]',
        output="six\n",
        network=True,
    ),
    "apt with cache mounts": Case(
        "FROM debian\nRUN --mount=type=cache,target=/var/cache/apt,sharing=locked "
        "--mount=type=cache,target=/var/lib/apt,sharing=locked apt-get update -qq && "
        'apt-get install -qq -y --no-install-recommends hello >/dev/null\nCMD ["hello", "-g", "built"]',
        output="built\n",
        network=True,
    ),
    "go-style, scratch at the end": Case(
        "FROM busybox AS build\nWORKDIR /src\nCOPY main.sh .\nRUN cp $(which busybox) /app && cp main.sh /main.sh\n"
        "FROM scratch\nCOPY --from=build /app /bin/busybox\nCOPY --from=build --chmod=755 /main.sh /main\n"
        'ENTRYPOINT ["/bin/busybox", "sh", "/main"]',
        {"main.sh": "echo static $#\n"},
        command=("a", "b"),
        output="static 2\n",
    ),
    "node-style, dependencies apart": Case(
        "FROM busybox AS deps\nWORKDIR /app\nCOPY package*.json ./\nRUN mkdir node_modules && "
        "cp package.json node_modules/\nFROM busybox\nWORKDIR /app\n"
        "COPY --from=deps --chown=1000:1000 /app/node_modules ./node_modules\nCOPY --chown=1000 . .\n"
        'ENV PORT=3000\nEXPOSE $PORT\nCMD ["sh", "-c", "stat -c %u:%g node_modules/package.json server.js; echo $PORT"]',
        {
            "package.json": "{}",
            "package-lock.json": "{}",
            "server.js": "",
            "node_modules/x": "no",
            ".dockerignore": "node_modules",
        },
        output="1000:1000\n1000:1000\n3000\n",
    ),
    "nginx with pages": Case(
        "FROM nginx\nADD ./ /usr/share/nginx/html\n",
        {"index.html": "mine\n"},
        command=("cat", "/usr/share/nginx/html/index.html"),
        output="mine\n",
    ),
    "heredoc script": Case(
        'FROM busybox\nRUN <<EOF\nset -e\nfor i in 1 2; do\n  echo "line $i" >> /out\ndone\nEOF\nCMD cat /out',
        output="line 1\nline 2\n",
    ),
    "heredoc with interpreter": Case(
        'FROM python\nRUN <<EOF\n#!/usr/bin/env python3\nopen("/out", "w").write("from python\\n")\nEOF\nCMD ["cat", "/out"]',
        output="from python\n",
    ),
    "heredoc files": Case(
        'FROM busybox\nARG NAME=me\nCOPY <<one.conf <<"two.conf" /etc/app/\nname=$NAME\none.conf\nname=$NAME\ntwo.conf\n'
        'CMD ["sh", "-c", "cat /etc/app/one.conf /etc/app/two.conf"]',
        output="name=me\nname=$NAME\n",
    ),
    "heredoc for a command": Case(
        'FROM python\nRUN python3 <<EOF > /out\nprint(6 * 7)\nEOF\nCMD ["cat", "/out"]', output="42\n"
    ),
    "build arguments": Case(
        "ARG BASE=nothing\nFROM ${BASE}\nARG V=1\nARG W\nENV VERSION=${V}-${W:-unset}\nRUN echo $V $W > /v\n"
        'CMD ["sh", "-c", "cat /v; echo $VERSION"]',
        flags=("--build-arg", "BASE=busybox", "--build-arg", "W=two"),
        output="1 two\n1-two\n",
    ),
    "target": Case(
        "FROM busybox AS one\nRUN echo one > /n\nFROM one AS two\nRUN echo two > /n\nFROM two\nRUN exit 1",
        flags=("--target", "two"),
        command=("cat", "/n"),
        output="two\n",
    ),
    "unneeded stages do not run": Case(
        "FROM busybox AS broken\nRUN exit 1\nFROM busybox\nRUN echo fine > /n",
        command=("cat", "/n"),
        output="fine\n",
    ),
    "user, workdir, shell": Case(
        'FROM debian\nWORKDIR /w/x\nWORKDIR ../y\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\n'
        "RUN useradd -u 1234 someone && chown someone . && [[ a == a ]]\nUSER someone\nRUN echo $(pwd) $(id -un) > f\n"
        'CMD ["cat", "/w/y/f"]',
        output="/w/y someone\n",
    ),
    "archives": Case(
        "FROM busybox\nADD a.tar.gz /x/\nADD plain.gz /x/\nADD --unpack=false a.tar.gz /y/\n"
        "CMD cd /x && stat -c '%n %a %u' inner && cat inner && zcat plain.gz && ls /y",
        {"a.tar.gz": archive(inner="packed\n"), "plain.gz": gzip.compress(b"no tar\n")},
        output="inner 640 7\npacked\nno tar\na.tar.gz\n",
    ),
    "an archive through links of the image": Case(
        'FROM debian\nADD a.tar.gz /\nCMD ["cat", "/usr/lib/from-archive"]',
        {"a.tar.gz": archive(**{"lib/from-archive": "through /lib\n"})},
        output="through /lib\n",
    ),
    "globs, excludes, parents": Case(
        "FROM busybox\nCOPY *.txt /t/\nCOPY --exclude=*.md docs /d/\nCOPY --parents src/./a/*.c src/b/x.c /p/\n"
        "CMD find /t /d /p -type f | sort",
        {
            "1.txt": "",
            "2.txt": "",
            "3.md": "",
            "docs/a.md": "",
            "docs/b.rst": "",
            "src/a/m.c": "",
            "src/a/n.c": "",
            "src/b/x.c": "",
        },
        output="/d/b.rst\n/p/a/m.c\n/p/a/n.c\n/p/src/b/x.c\n/t/1.txt\n/t/2.txt\n",
    ),
    "modes and owners": Case(
        "FROM debian\nCOPY --chmod=0711 --chown=www-data a /a\nCOPY --chmod=u+x,go= b /b\nCOPY c /c\n"
        'CMD ["stat", "-c", "%n %a %U:%G", "/a", "/b", "/c"]',
        {"a": "", "b": "", "c": ""},
        output="/a 711 www-data:www-data\n/b 700 root:root\n/c 644 root:root\n",
    ),
    "mounts of RUN": Case(
        "FROM busybox AS other\nRUN mkdir /data && echo data > /data/f && ln -s f /data/l\nFROM busybox\n"
        "RUN --mount=type=bind,from=other,source=/data,target=/d --mount=type=tmpfs,target=/tmpfs "
        "--mount=target=/ctx cat /d/l /ctx/file > /out && touch /tmpfs/x && ! touch /d/no && ! touch /ctx/no\n"
        "RUN ls -A / >> /out\nCMD grep -v -e bin -e dev -e etc -e home -e lib -e proc -e root -e sys -e tmp -e usr -e var /out",
        {"file": "context\n"},
        output="data\ncontext\nout\n",
    ),
    "a writable bind mount is forgotten": Case(
        "FROM busybox\nRUN --mount=target=/ctx,rw echo changed > /ctx/file && cat /ctx/file > /out\n"
        "RUN --mount=target=/ctx cat /ctx/file >> /out\nCMD cat /out",
        {"file": "as it was\n"},
        output="changed\nas it was\n",
    ),
    "without network": Case(
        "FROM busybox\nRUN --network=none ls /sys/class/net > /out\nCMD cat /out", output="lo\n"
    ),
    "ONBUILD": Case(
        "FROM busybox AS base\nONBUILD RUN echo fired >> /out\nFROM base\nRUN echo then >> /out\nCMD cat /out",
        output="fired\nthen\n",
    ),
    "a deleted file stays deleted": Case(
        "FROM busybox\nRUN mkdir /d && touch /d/a /d/b\nRUN rm /d/a && rm -r /home && mkdir /home && touch /home/new\n"
        "COPY Dockerfile /d/c\nCMD ls -A /d /home",
        output="/d:\nb\nc\n\n/home:\nnew\n",
    ),
    "stages copied whole": Case(
        "FROM busybox AS a\nRUN mkdir -p /t/deep && echo 1 > /t/deep/f && ln /t/deep/f /t/hard && ln -s deep/f /t/soft && "
        "mkfifo /t/pipe && chmod 4711 /t/deep/f && rm -f /t/gone\nFROM busybox\nCOPY --from=a /t /t\n"
        "CMD cd /t && stat -c '%n %a %h' deep/f && readlink soft && ls",
        output="deep/f 4711 2\ndeep/f\ndeep\nhard\npipe\nsoft\n",
    ),
    "escape directive": Case(
        "# escape=`\nFROM busybox\nRUN echo a `\n  b > /out\nCMD cat /out", output="a b\n"
    ),
    "labels and the rest": Case(
        'FROM busybox\nLABEL a=b\nEXPOSE 80\nVOLUME /v\nSTOPSIGNAL SIGQUIT\nHEALTHCHECK CMD true\nENTRYPOINT ["echo"]\nCMD ["x"]',
        output="x\n",
    ),
    "scratch with one file": Case(
        'FROM scratch\nCOPY --from=busybox /bin/busybox /busybox\nCMD ["/busybox", "echo", "alone"]',
        output="alone\n",
    ),
    "from the machine itself": Case(
        'FROM host\nRUN echo copy-on-write > /etc/sampan-test\nRUN cat /etc/sampan-test\nCOPY Dockerfile /opt/\nCMD ["cat", "/etc/sampan-test"]',
        output="copy-on-write\n",
    ),
}
