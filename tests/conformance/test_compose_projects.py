"""Small projects that really come up: one for each thing that makes a project more than its services."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clients import Client, Result, ours
from harness.daemon import Daemon
from harness.reference import Reference

IDLE = "image: busybox, command: sleep 1000, init: true"
TWO = f"services:\n  a: {{{IDLE}}}\n  b: {{{IDLE}}}\n"


class Project:
    """Its files, and `compose` for it."""

    def __init__(self, root: Path, client: Client) -> None:
        self.root = root
        self.name = root.name
        self.client = client
        root.mkdir()

    def write(self, text: str, **files: str) -> None:
        """`text`: compose.yaml; of the other names `__` is a dot."""
        for name, content in {"compose__yaml": text, **files}.items():
            (self.root / name.replace("__", ".")).write_text(content)

    def __call__(self, *words: str, check: bool = True, stdin: bytes = b"", **variables: str) -> Result:
        speaking = Client(self.client.name, self.client.program, {**self.client.environment, **variables})
        place = ("compose", "--project-directory", str(self.root))
        return speaking(*place, *words, check=check, stdin=stdin, timeout=60)

    def services(self, *flags: str) -> list[str]:
        """Of all containers there are."""
        return self(*flags, "ps", "-a", "--format", "{{.Service}}").out.split()

    def identities(self) -> dict[str, str]:
        lines = self("ps", "-a", "--no-trunc", "--format", "{{.Name}} {{.ID}}").out.splitlines()
        return dict(line.split() for line in lines)

    def said(self, service: str) -> str:
        return self("logs", "--no-log-prefix", service).out


@pytest.fixture
def project(server: Daemon | Reference, tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / f"q{os.urandom(4).hex()}", ours(server.environment()))
    yield made
    made("--profile", "*", "down", "-v", "-t", "0", "--remove-orphans", check=False)


# Files


def test_profiles_of_the_environment(project: Project) -> None:
    project.write(
        f"{TWO}  c: {{{IDLE}, profiles: [x], depends_on: [d]}}\n  d: {{{IDLE}, profiles: [x, y]}}\n"
    )
    project("up", "-d", COMPOSE_PROFILES="y")
    assert project.services() == ["a", "b", "d"]
    project("up", "-d", COMPOSE_PROFILES="x,y")
    assert project.services() == ["a", "b", "c", "d"]


def test_a_file_on_standard_input_is_read_once(project: Project) -> None:
    text = f"version: '3'\n{TWO}".encode()
    for words in (("up", "-d"), ("ps",), ("restart", "-t", "0"), ("stop", "-t", "0"), ("down", "-t", "0")):
        said = project("-f", "-", *words, stdin=text).err
        assert said.count("`version` is obsolete") == 1, said


def test_extends_include_and_override(project: Project) -> None:
    (project.root / "sub").mkdir()
    (project.root / "sub/compose.yaml").write_text(
        'services: {below: {image: busybox, command: "echo ${WORD} ${OUTER}"}}\n'
    )
    (project.root / "sub/.env").write_text("WORD=of-sub\n")
    project.write(
        "include: [sub/compose.yaml]\n"
        "services: {a: {extends: {file: base.yaml, service: base}, depends_on: [below]}}\n",
        compose__override__yaml="services: {a: {environment: {LAST: override}}}\n",
        base__yaml="services: {base: {image: busybox, environment: {BASE: base, LAST: base},"
        " command: \"sh -c 'echo $$BASE $$LAST'\"}}\n",
        __env="OUTER=of-top\n",
    )
    project("up")
    assert project.said("a") == "base override\n"
    assert project.said("below") == "of-sub of-top\n"


def test_several_files_with_reset_and_override(project: Project) -> None:
    project.write(
        f"services:\n  a: {{{IDLE}, environment: {{A: 1, B: 2}}, volumes: [/x]}}\n  b: {{{IDLE}}}\n",
        two__yaml="services:\n  a: {environment: !override {B: 3}, volumes: !reset []}\n  b: !reset null\n",
    )
    files = [word for name in ("compose.yaml", "two.yaml") for word in ("-f", str(project.root / name))]
    project(*files, "up", "-d")
    assert project.services(*files) == ["a"]
    assert "A=1" not in project(*files, "exec", "-T", "a", "env").out


def test_a_file_on_standard_input(project: Project) -> None:
    text = TWO.encode()
    project("-f", "-", "-p", project.name, "up", "-d", stdin=text)
    assert project("-p", project.name, "-f", "-", "ps", "--services", stdin=text).out.split() == ["a", "b"]
    project("-p", project.name, "-f", "-", "down", "-t", "0", stdin=text)


@pytest.mark.parametrize("way", ["flag", "variable", "file"])
def test_the_name_of_a_project(project: Project, way: str) -> None:
    name = f"n{project.name}"
    project.write(f"{'name: ' + name if way == 'file' else ''}\nservices: {{a: {{{IDLE}}}}}\n")
    flags = ("-p", name) if way == "flag" else ()
    variables = {"COMPOSE_PROJECT_NAME": name} if way == "variable" else {}
    try:
        project(*flags, "up", "-d", **variables)
        assert list(
            json.loads(project("ls", "--filter", f"name={name}", "--format", "json").out)[0].values()
        )[:2] == [name, "running(1)"]
    finally:
        project("-p", name, "down", "-t", "0")


def test_names_of_compose_one(project: Project) -> None:
    project.write(f"services: {{a: {{{IDLE}}}}}\n")
    project("--compatibility", "up", "-d")
    assert set(project.identities()) == {f"{project.name}_a_1"}
    project("--compatibility", "up", "-d")
    assert set(project.identities()) == {f"{project.name}_a_1"}


# Changes


def test_recreated_when_its_files_change(project: Project) -> None:
    text = f"services:\n  a: {{{IDLE}, env_file: a.env}}\n  b: {{{IDLE}}}\n"
    project.write(text, a__env="X=1\n")
    project("up", "-d")
    first = project.identities()
    (project.root / "a.env").write_text("X=2\n")
    project("up", "-d", "-t", "0")
    second = project.identities()
    assert {name for name in first if first[name] != second[name]} == {f"{project.name}-a-1"}
    project("up", "-d", "--no-recreate", "-t", "0")
    assert project.identities() == second
    project("up", "-d", "--force-recreate", "-t", "0", "b")
    assert project.identities()[f"{project.name}-a-1"] == second[f"{project.name}-a-1"]
    assert project.identities()[f"{project.name}-b-1"] != second[f"{project.name}-b-1"]


def test_recreated_when_its_image_is_another(project: Project) -> None:
    image = f"{project.name}:x"
    project.client("tag", "busybox", image)
    try:
        project.write(f"services: {{a: {{image: '{image}', command: sleep 1000}}}}\n")
        project("up", "-d")
        first = project.identities()
        project("commit", "-m", "other", "a", image)
        project("up", "-d", "-t", "0")
        assert project.identities() != first
    finally:
        project("down", "-t", "0")
        project.client("rmi", "-f", image)


def test_dependents_restart_with_what_they_depend_on(project: Project) -> None:
    project.write(
        f"services:\n  a: {{{IDLE}, depends_on: {{b: {{condition: service_started, restart: true}}}}}}\n"
        f"  b: {{{IDLE}, environment: {{X: '${{X:-1}}'}}}}\n"
    )
    project("up", "-d")
    lines = project("up", "-d", "-t", "0", X="2").err
    assert f"{project.name}-a-1  Stopped" in lines
    assert f"{project.name}-a-1  Started" in lines
    lines = project("restart", "-t", "0", "b", X="2").err
    assert f"{project.name}-a-1  Started" in lines
    assert f"{project.name}-a-1" not in project("restart", "-t", "0", "--no-deps", "b", X="2").err


def test_scale(project: Project) -> None:
    named = f"b: {{{IDLE}, container_name: {project.name}}}"
    project.write(f"services: {{a: {{{IDLE}, deploy: {{replicas: 2}}}}, {named}}}\n")
    project("up", "-d", "a")
    project("scale", "a=3")
    assert len(project.identities()) == 3
    project("scale", "a=1")
    assert set(project.identities()) == {f"{project.name}-a-1"}
    failed = project("up", "-d", "--scale", "b=2", check=False)
    assert (failed.code, "container_name" in failed.err) == (1, True)
    assert project("scale", "a", check=False).err == "invalid scale specifier: a\n"


def test_only_what_is_named(project: Project) -> None:
    project.write(
        f"services:\n  a: {{{IDLE}, depends_on: [b]}}\n  b: {{{IDLE}, depends_on: [c]}}\n  c: {{{IDLE}}}\n"
    )
    project("up", "-d", "--no-deps", "a")
    assert project.services() == ["a"]
    project("up", "-d", "b")
    assert project.services() == ["a", "b", "c"]
    project("up", "--no-start", "-d", "--force-recreate", "-t", "0", "c")
    assert project("ps", "--services").out.split() == ["a", "b"]


# Order


def test_a_chain_of_health_and_jobs(project: Project) -> None:
    check = "healthcheck: {test: test -e /data/ready, interval: 100ms, retries: 100}"
    project.write(
        f"""services:
  web: {{image: busybox, command: cat /data/ready, volumes: ["data:/data"],
         depends_on: {{db: {{condition: service_healthy}},
                      job: {{condition: service_completed_successfully}}}}}}
  db: {{{IDLE}, volumes: ["data:/data"], {check}}}
  job: {{image: busybox, command: "sh -c 'echo made >/data/ready'", volumes: ["data:/data"]}}
volumes: {{data: }}
"""
    )
    assert project("up", "--wait").code == 0
    assert project.said("web") == "made\n"
    assert project("volumes", "-q").out == f"{project.name}_data\n"
    assert project("ps", "-a", "--status", "exited", "--services").out.split() == ["job", "web"]


def test_pre_start_gates_the_service(project: Project) -> None:
    text = f"""services:
  a:
    {IDLE.replace(", ", chr(10) + "    ")}
    scale: 2
    volumes: ["data:/data"]
    pre_start:
      - {{command: "sh -c 'echo once >>/data/said'"}}
      - {{command: "sh -c 'echo each >>/data/said; exit ${{CODE:-0}}'", per_replica: true}}
  b: {{{IDLE}, depends_on: [a]}}
volumes: {{data: }}
"""
    project.write(text)
    failed = project("up", "-d", check=False, CODE="3")
    assert failed.code == 1
    assert 'service "a" pre_start[1] exited with code 3' in failed.err
    assert project("ps", "-q").out == ""
    assert f"{project.name}-a-pre_start-1" in project.identities()
    project("up", "-d", "-t", "0")
    said = project("exec", "-T", "a", "cat", "/data/said").out.split()
    assert sorted(said[2:]) == ["each", "each", "once"]
    project("up", "-d")
    assert project("exec", "-T", "a", "cat", "/data/said").out.split() == said
    assert f"{project.name}-a-pre_start-1" not in project.identities()


def test_hooks_around_a_stop(project: Project) -> None:
    line = "trap 'cat /said; exit 0' TERM; while :; do sleep 0.05; done"
    project.write(
        f"""services:
  a:
    image: busybox
    container_name: {project.name}
    command: ["sh", "-c", "{line}"]
    post_start: [{{command: "sh -c 'echo post $$W >>/said'", environment: {{W: w}}}}]
    pre_stop: [{{command: "sh -c 'pwd >>/said'", working_dir: /etc}}]
"""
    )
    project("up", "-d")
    project("stop")
    assert project.said("a") == "post w\n/etc\n"
    project.write(f'services: {{a: {{{IDLE}, post_start: [{{command: "false"}}]}}}}\n')
    failed = project("up", "-d", "-t", "0", check=False)
    assert (failed.code, "post_start hook exited with status 1" in failed.err) == (1, True)


# Networks and volumes


def test_networks_keep_services_apart(project: Project) -> None:
    project.write(
        f"""services:
  front: {{{IDLE}, networks: [one]}}
  both: {{{IDLE}, networks: {{one: {{aliases: [middle]}}, two: }}}}
  back: {{{IDLE}, networks: [two]}}
networks: {{one: , two: }}
"""
    )
    project("up", "-d")
    look = "nslookup {} 127.0.0.11 >/dev/null 2>&1 && echo yes || echo no"
    assert project("exec", "-T", "front", "sh", "-c", look.format("middle")).out == "yes\n"
    assert project("exec", "-T", "front", "sh", "-c", look.format("back")).out == "no\n"
    assert project("exec", "-T", "back", "sh", "-c", look.format("both")).out == "yes\n"


def test_external_networks_and_volumes(project: Project) -> None:
    shared = f"s{project.name}"
    text = f"""services: {{a: {{{IDLE}, volumes: ["data:/data"], networks: [net]}}}}
networks: {{net: {{external: true, name: {shared}}}}}
volumes: {{data: {{external: true, name: {shared}}}}}
"""
    project.write(text)
    failed = project("up", "-d", check=False)
    assert failed.err == f"network {shared} declared as external, but could not be found\n"
    project.client("network", "create", shared)
    try:
        failed = project("up", "-d", check=False)
        assert failed.err == f'external volume "{shared}" not found\n'
        project.client("volume", "create", shared)
        project("up", "-d")
        project("down", "-v", "-t", "0")
        assert project.client("volume", "ls", "-q", "--filter", f"name={shared}").out == f"{shared}\n"
    finally:
        project.client("network", "rm", shared)
        project.client("volume", "rm", shared)


def test_two_projects_share_a_network(project: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / f"o{project.name}", project.client)
    project.write(f"services: {{first: {{{IDLE}}}}}\nnetworks: {{default: {{name: n{project.name}}}}}\n")
    other.write(
        f"services: {{second: {{{IDLE}}}}}\n"
        f"networks: {{default: {{external: true, name: n{project.name}}}}}\n"
    )
    project("up", "-d")
    try:
        other("up", "-d")
        assert other("exec", "-T", "second", "nslookup", "first", "127.0.0.11").code == 0
        assert "Resource is still in use" in project("down", "-t", "0").err
    finally:
        other("down", "-t", "0")
    project("down")


# Attached


def test_whose_output_is_shown(project: Project) -> None:
    line = "image: busybox, command: echo of-{}"
    project.write(
        f"services:\n  a: {{{line.format('a')}}}\n  b: {{{line.format('b')}, attach: false}}\n"
        f"  c: {{{line.format('c')}, depends_on: [a]}}\n"
    )
    assert sorted(project("up", "--no-log-prefix").out.split("\n"))[-2:] == ["of-a", "of-c"]
    project("down", "-t", "0")
    assert "of-c" not in project("up", "--no-attach", "c").out
    project("down", "-t", "0")
    shown = project("up", "--no-color", "--timestamps", "c").out
    assert "of-c" in shown
    assert "of-a" not in shown


@pytest.mark.parametrize(("flag", "code"), [("exit", 0), ("failure", 3)])
def test_abort(project: Project, flag: str, code: int) -> None:
    project.write(f"services:\n  a: {{image: busybox, command: sh -c 'exit {code}'}}\n  long: {{{IDLE}}}\n")
    done = project("up", f"--abort-on-container-{flag}", check=False)
    assert done.code == code
    assert "Aborting on container exit..." in done.err
    assert project("ps", "-q").out == ""


# Commands


def test_what_commands_show_of_a_project(project: Project) -> None:
    project.write(f"services:\n  a: {{{IDLE}, scale: 2, ports: ['127.0.0.1::80']}}\n  b: {{{IDLE}}}\n")
    project("up", "-d")
    first, second = (project("port", "--index", str(index), "a", "80").out for index in (1, 2))
    assert first.startswith("127.0.0.1:")
    assert first != second
    failed = project("port", "a", "81", check=False)
    assert failed.err.startswith(f"no port 81/tcp for container {project.name}-a-1: ")
    assert (
        project("exec", "-T", "--index", "2", "a", "hostname").out
        != project("exec", "-T", "a", "hostname").out
    )
    (project.root / "file").write_text("text\n")
    project("cp", str(project.root / "file"), "a:/file")
    project("cp", "a:/file", str(project.root / "back"))
    assert (project.root / "back").read_text() == "text\n"
    assert "sleep 1000" in project("top", "b").out
    assert [row["ContainerName"] for row in json.loads(project("images", "--format", "json").out)] == [
        f"{project.name}-{name}" for name in ("a-1", "a-2", "b-1")
    ]
    rows = [json.loads(line) for line in project("ps", "--format", "json").out.splitlines()]
    assert {row["Service"] for row in rows} == {"a", "b"}
    assert f"127.0.0.1:{rows[0]['Publishers'][0]['PublishedPort']}\n" in (first, second)
    assert len(project("stats", "--no-stream", "--format", "{{.Name}}").out.split()) == 3
    happened = project("events", "--json", "--since", "5m", "--until", "0s", "b").out.splitlines()
    assert [json.loads(line)["action"] for line in happened][:2] == ["create", "start"]
    exported = str(project.root / "fs.tar")
    project("export", "-o", exported, "b")
    assert os.path.getsize(exported) > 0


def test_run_and_its_flags(project: Project) -> None:
    project.write(
        f"services:\n  a: {{image: busybox, environment: {{A: file, B: file}}, ports: ['127.0.0.1::80'], "
        f"depends_on: [b]}}\n  b: {{{IDLE}}}\n",
        more__env="B=env-file\nC=env-file\n",
    )
    more = str(project.root / "more.env")
    words = [
        "run",
        "--rm",
        "-T",
        "-e",
        "A=flag",
        "--env-from-file",
        more,
        "-w",
        "/etc",
        "-u",
        "1:2",
        "-l",
        "x=y",
    ]
    words += ["--entrypoint", "sh", "-v", f"{project.root}:/here:ro", "--name", f"{project.name}-named", "a"]
    said = project(*words, "-c", "echo $A $B $C; pwd; id -u; ls /here/more.env").out
    assert said.split("\n")[:4] == ["flag env-file env-file", "/etc", "1", "/here/more.env"]
    project("run", "-d", "--no-deps", "-P", "--use-aliases", "a", "sleep", "1000")
    assert project("ps", "-a", "--format", "{{.Service}} {{.Ports}}").out.startswith("a 127.0.0.1:")
    assert project("exec", "-T", "b", "nslookup", "a", "127.0.0.11").code == 0


def test_signals_and_waiting(project: Project) -> None:
    once = '["sh", "-c", "sleep 5; exit 7"]'
    project.write(f"services: {{a: {{image: busybox, command: {once}}}, b: {{{IDLE}}}}}\n")
    project("up", "-d")
    waiting = project.client.start("compose", "--project-directory", str(project.root), "wait", "a")
    listing = project("kill", "-s", "URG", "b").err  # which nobody minds
    assert f"{project.name}-b-1  Killed" in listing
    out, _ = waiting.communicate(timeout=120)
    assert (waiting.returncode, out.split()[-1]) == (7, b"7")
    project("start", "--wait", "a")
    assert project("ps", "--services").out.split() == ["a", "b"]


def test_attach(project: Project) -> None:
    project.write("services: {a: {image: busybox, command: head -n 1, stdin_open: true}}\n")
    project("up", "-d")
    attached = project.client.start("compose", "--project-directory", str(project.root), "attach", "a")
    assert attached.stdin is not None
    attached.stdin.write(b"echoed\n")
    attached.stdin.flush()
    assert attached.stdout is not None
    assert attached.stdout.readline() == b"echoed\n"
    attached.communicate(timeout=120)
    assert attached.returncode == 0
    assert project("attach", "a", check=False).err.startswith('service "a" is not running')


def test_dry_run_changes_nothing(project: Project) -> None:
    project.write(TWO)
    project("up", "-d")
    states = project("ps", "--no-trunc", "--format", "{{.ID}} {{.State}}").out
    for line in (
        *("stop", "kill", "pause", "restart", "rm -sf", "down -v", "scale a=3", "commit a never:made"),
        *("up -d --force-recreate", "create --force-recreate", "run a touch /x", "exec a touch /x"),
    ):
        verb, *rest = line.split()
        assert project(verb, "--dry-run", *rest).code == 0, line
    assert project("--dry-run", "cp", str(project.root / "compose.yaml"), "a:/x").code == 0
    assert project("ps", "--no-trunc", "--format", "{{.ID}} {{.State}}").out == states
    assert project("exec", "-T", "a", "ls", "/x", check=False).code == 1
