"""The Engine API's own specification, thrown at the daemon: right requests, and wrong ones.

No answer may be an error of the server, what is answered must have the shape that the specification gives,
and the daemon must go on serving. `SAMPAN_TEST_CASES` is the number of requests for each operation.
"""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from docker.transport import UnixHTTPAdapter
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness import audit
from harness.clients import ours
from harness.daemon import Daemon, fresh_root
from harness.waiting import FACTOR

yaml = pytest.importorskip("yaml", reason="not installed: pip install '.[fuzz]'")
schemathesis = pytest.importorskip("schemathesis", reason="not installed: pip install '.[fuzz]'")
from schemathesis.specs.openapi.checks import response_schema_conformance  # noqa: E402 - after the skip

SCHEMA = Path(__file__).resolve().parents[3] / "shared/data/docker-engine-api-v1.51.yaml"
if not SCHEMA.exists():
    pytest.skip("the specification of the Engine API is not at hand", allow_module_level=True)

CASES = int(os.environ.get("SAMPAN_TEST_CASES", "6"))
ADDRESS = "http://localhost/v1.51"
# These go on for as long as the client listens, or wait for something to happen.
ENDLESS = {"/events", "/containers/{id}/attach", "/containers/{id}/attach/ws", "/containers/{id}/wait",
           "/containers/{id}/logs", "/containers/{id}/stats", "/exec/{id}/start", "/session"}  # fmt: skip
# These ask a registry, and there may be none.
REMOTE = {"/auth", "/images/search", "/images/create", "/images/{name}/push", "/distribution/{name}/json"}
# A word of the right kind that names something, for each kind of path.
NAMES = {
    "containers": ("runs", "created"),
    "exec": ("EXEC",),
    "images": ("busybox", "busybox:latest", "gone"),
    "volumes": ("vol",),
    "networks": ("bridge", "host", "none"),
    "distribution": ("busybox",),
}
TAR = "application/x-tar"


def _archive(names: list[str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


schemathesis.openapi.media_type(
    TAR, st.one_of(st.binary(max_size=2048), st.lists(st.text(max_size=20), max_size=4).map(_archive))
)


@schemathesis.serializer(TAR)
def _as_it_is(context: Any, value: bytes) -> dict[str, Any]:
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


def _operations() -> Iterator[Any]:
    specification = yaml.safe_load(SCHEMA.read_text())
    _let_be_null(specification)
    for found in schemathesis.openapi.from_dict(specification).get_all_operations():
        yield found.ok()


def _let_be_null(node: Any) -> None:
    """Docker answers null for what is empty, whatever its specification says: Go's nil slices and maps."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), str) and "in" not in node:
            node["x-nullable"] = True
        for value in node.values():
            _let_be_null(value)
    elif isinstance(node, list):
        for value in node:
            _let_be_null(value)


OPERATIONS = {f"{operation.method.upper()} {operation.path}": operation for operation in _operations()}


@pytest.fixture(scope="module")
def server(registry: str) -> Iterator[Daemon]:
    with audit.leaving_nothing(Daemon(fresh_root(), registry)) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def session(server: Daemon) -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.mount("http://", UnixHTTPAdapter(f"http+unix://{server.socket}"))
        yield opened


@pytest.fixture
def scene(server: Daemon) -> Iterator[str]:
    """A running container and one that was created, a volume, an exec: whose ID it is."""
    sampan = ours(server.environment())
    sampan("pull", "-q", "busybox", timeout=60)
    sampan("tag", "busybox", "gone")
    sampan("volume", "create", "vol")
    sampan("run", "-d", "--init", "--name", "runs", "busybox", "sleep", "1000")
    sampan("create", "--name", "created", "busybox", "true")
    with requests.Session() as opened:
        opened.mount("http://", UnixHTTPAdapter(f"http+unix://{server.socket}"))
        made = opened.post(f"{ADDRESS}/containers/runs/exec", json={"Cmd": ["true"]})
    yield made.json()["Id"]
    server.empty()
    sampan("volume", "rm", "-f", *sampan("volume", "ls", "-q").out.split(), check=False)


@pytest.mark.timeout(600 * FACTOR)
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_is_too_much_for_the_daemon(
    name: str, server: Daemon, session: requests.Session, scene: str
) -> None:
    operation = OPERATIONS[name]
    strategy = st.one_of(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)

    @settings(
        max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate], derandomize="SAMPAN_TEST_CASES" not in os.environ,
    )  # fmt: skip
    @given(case=strategy, choice=st.integers(0, 5))
    def one(case: Any, choice: int) -> None:
        _aim(case, choice, scene)
        _judge(case, session)

    one()
    assert server.get("/info")["ServerVersion"]


def _aim(case: Any, choice: int, exec_id: str) -> None:
    """Two of three requests concern something that is there."""
    kind = case.path.strip("/").split("/")[0]
    names = NAMES.get(kind)
    if names and case.path_parameters and choice:
        chosen = names[choice % len(names)].replace("EXEC", exec_id)
        case.path_parameters = dict.fromkeys(case.path_parameters, chosen)
    if isinstance(case.body, dict) and "Image" in case.body and choice:
        case.body["Image"] = "busybox"


def _judge(case: Any, session: requests.Session) -> None:
    endless = case.operation.path in ENDLESS
    patience = (5 * FACTOR, 0.3 if endless else 30 * FACTOR)
    arguments = case.as_transport_kwargs(base_url=ADDRESS)
    try:
        answer = session.request(**arguments, timeout=patience, stream=True)
    except requests.exceptions.ReadTimeout:
        assert endless, f"no answer: {case.as_curl_command()}"
        return
    except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeEncodeError):
        return  # nothing that can be sent
    with answer:
        text = b"" if endless and answer.ok else answer.content
        if answer.status_code == 501 and b"not supported" in (text or b"not supported"):
            return  # a part of an operation that is refused with a sentence; docs/compatibility.md names them
        off = answer.status_code == 503 and (b"swarm" in text or case.operation.path in REMOTE)
        assert answer.status_code < 500 or off, f"{answer.status_code} {text!r}\n{case.as_curl_command()}"
        if answer.ok and not endless:
            case.validate_response(answer, checks=[response_schema_conformance])
        if not answer.ok and case.operation.method.upper() != "HEAD" and answer.status_code != 304:
            assert set(answer.json()) >= {"message"}, f"{text!r}\n{case.as_curl_command()}"
