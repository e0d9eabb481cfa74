"""A daemon that is not on this machine: TLS with and without the right certificates, and SSH, through a
stand-in and through a real sshd(8). Each with both clients.
"""

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import audit
from harness.clients import SAMPAN, Client, ours, stock
from harness.daemon import Daemon, fresh_root
from harness.looking import free_port
from harness.waiting import FACTOR, until

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
Wrapped = Callable[..., Client]


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def signed(directory: Path, name: str, usage: str, authority: str = "ca") -> None:
    """`name`.pem and `name`-key.pem for localhost."""
    request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(directory, *request, "-keyout", f"{name}-key.pem", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (directory / f"{name}.ext").write_text(
        f"subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage={usage}\n"
    )
    sign = ["x509", "-req", "-days", "2", "-CA", f"{authority}.pem", "-CAkey", f"{authority}-key.pem"]
    made = ["-in", f"{name}.csr", "-extfile", f"{name}.ext", "-CAcreateserial", "-out", f"{name}.pem"]
    openssl(directory, *sign, *made)


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    """ca, server, client, and a stranger's ca with a client of its own."""
    directory = Path(tempfile.mkdtemp(prefix="sampan-tls-"))
    for name in ("ca", "stranger"):
        extension = ["-addext", "basicConstraints=critical,CA:TRUE"]
        request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        files = ["-keyout", f"{name}-key.pem", "-out", f"{name}.pem", "-days", "2"]
        openssl(directory, *request, *files, "-subj", f"/CN={name}", *extension)
    signed(directory, "server", "serverAuth")
    signed(directory, "client", "clientAuth")
    signed(directory, "other", "clientAuth", "stranger")
    yield directory
    shutil.rmtree(directory)


class Remote(Daemon):
    """One that serves TLS on a port, too."""

    def __init__(self, root: Path, registry: str, certificates: Path) -> None:
        super().__init__(root, registry)
        self.port = free_port()
        self._certificates = certificates

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        files = {"tlscacert": "ca.pem", "tlscert": "server.pem", "tlskey": "server-key.pem"}
        flags = [
            word for name, file in files.items() for word in (f"--{name}", str(self._certificates / file))
        ]
        return [*super().command, "--host", self.url, "--tlsverify", *flags]


@pytest.fixture(scope="module")
def remote(registry: str, certificates: Path) -> Iterator[Remote]:
    with audit.leaving_nothing(Remote(fresh_root(), registry, certificates)) as daemon:
        ours(daemon.environment())("pull", "-q", "busybox", timeout=120)
        yield daemon


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "docker"


@pytest.fixture(params=["sampan", "docker"])
def wrapped(request: pytest.FixtureRequest, home: Path) -> Wrapped:
    """A client with nothing in its environment that names a daemon."""

    def client(**environment: str) -> Client:
        base = {"PATH": os.environ["PATH"], "DOCKER_CONFIG": str(home), "SAMPAN_PYTHON": sys.executable}
        return (ours if request.param == "sampan" else stock)({**base, **environment})

    return client


def flags(certificates: Path, name: str = "client", authority: str = "ca") -> list[str]:
    files = {"tlscacert": f"{authority}.pem", "tlscert": f"{name}.pem", "tlskey": f"{name}-key.pem"}
    return [word for flag, file in files.items() for word in (f"--{flag}", str(certificates / file))]


def test_tls_carries_streams(wrapped: Wrapped, remote: Remote, certificates: Path) -> None:
    """Also the end of stdin, while the answer is still to come: half of the connection is closed."""
    cli = wrapped(DOCKER_HOST=remote.url)
    data = os.urandom(1 << 20)
    done = subprocess.run(
        [cli.program, "--tlsverify", *flags(certificates), "run", "-i", "--rm", "busybox", "cat"],
        input=data,
        capture_output=True,
        env=cli.environment,
        timeout=30 * FACTOR,
        check=False,
    )
    assert (done.returncode, done.stdout == data, done.stderr) == (0, True, b"")
    result = cli(
        *("--tlsverify", *flags(certificates), "run", "-i", "--rm", "busybox"),
        *("sh", "-c", "cat; echo end; echo err >&2; exit 3"),
        stdin=b"start\n",
        check=False,
    )
    assert result == (3, "start\nend\n", "err\n")


def test_tls_from_the_environment(
    wrapped: Wrapped, remote: Remote, certificates: Path, tmp_path: Path
) -> None:
    place = tmp_path / "certificates"
    place.mkdir()
    for name, file in (("ca", "ca"), ("cert", "client"), ("key", "client-key")):
        shutil.copy(certificates / f"{file}.pem", place / f"{name}.pem")
    cli = wrapped(DOCKER_HOST=remote.url, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(place))
    assert cli("version", "--format", "{{.Server.Os}}").out == "linux\n"


def test_a_terminal_over_tls(wrapped: Wrapped, remote: Remote, certificates: Path) -> None:
    cli = wrapped(DOCKER_HOST=remote.url)
    terminal = cli.terminal("--tlsverify", *flags(certificates), "run", "-it", "--rm", "busybox", "sh")
    terminal.expect("#")
    terminal.type("echo $((6 * 7)); exit 5\n")
    terminal.expect("42")
    assert terminal.wait() == 5


@pytest.mark.parametrize(
    ("stranger", "words"),
    [
        (("other", "ca"), "remote error: tls: "),  # the daemon does not know who signed the client
        (("client", "stranger"), "tls: failed to verify certificate: x509: "),  # nor the client the daemon
    ],
)
def test_strangers_are_refused(
    wrapped: Wrapped, remote: Remote, certificates: Path, stranger: tuple[str, str], words: str
) -> None:
    cli = wrapped(DOCKER_HOST=remote.url)
    result = cli("--tlsverify", *flags(certificates, *stranger), "ps", check=False)
    assert result.code == 1
    assert result.err.startswith("error during connect: ")
    assert words in result.err
    assert result.out == ""


def test_no_certificate_is_refused(wrapped: Wrapped, remote: Remote, certificates: Path) -> None:
    cli = wrapped(DOCKER_HOST=remote.url)
    result = cli("--tlsverify", "--tlscacert", str(certificates / "ca.pem"), "ps", check=False)
    assert result.code == 1
    assert "remote error: tls: certificate required" in result.err


def test_no_tls_is_refused(wrapped: Wrapped, remote: Remote) -> None:
    result = wrapped(DOCKER_HOST=remote.url)("ps", check=False)
    assert result.code == 1
    assert "Client sent an HTTP request to an HTTPS server." in result.err


def test_tls_files_that_are_missing(wrapped: Wrapped, home: Path) -> None:
    result = wrapped(DOCKER_HOST="tcp://127.0.0.1:1")("--tlsverify", "ps", check=False)
    assert result == (
        1,
        "",
        f"Failed to initialize: unable to resolve docker endpoint: open {home}/ca.pem: "
        "no such file or directory\n",
    )


def test_a_context_has_it_all(wrapped: Wrapped, remote: Remote, certificates: Path, home: Path) -> None:
    """Made by one client, used by the other."""
    cli = wrapped()
    other = (stock if cli.name == "sampan" else ours)(cli.environment)
    place = certificates
    endpoint = f"host={remote.url},ca={place}/ca.pem,cert={place}/client.pem,key={place}/client-key.pem"
    cli("context", "create", "far", "--description", "there", "--docker", endpoint)
    assert other("--context", "far", "run", "--rm", "busybox", "echo", "hi").out == "hi\n"
    assert other("context", "use", "far").err == 'Current context is now "far"\n'
    assert cli("context", "show").out == "far\n"
    assert cli("version", "--format", "{{.Client.Context}} {{.Server.Os}}").out == "far linux\n"
    other("context", "export", "far", str(home / "far.tar"))
    cli("context", "import", "near", str(home / "far.tar"))
    assert other("-c", "near", "ps", "-q").out == ""
    shown = cli(
        "context", "inspect", "--format", "{{.Endpoints.docker.Host}} {{.TLSMaterial.docker}}", "near"
    )
    assert shown.out == f"{remote.url} [ca.pem cert.pem key.pem]\n"


@pytest.mark.parametrize("host", ["tcp://0.0.0.0:0", "tcp://[::]:0"])
def test_the_daemon_wants_certificates_beyond_loopback(tmp_path: Path, host: str) -> None:
    roots = ["--data-root", str(tmp_path / "d"), "--run-root", str(tmp_path / "r")]
    done = subprocess.run(
        [sys.executable, "-m", "sampan", "daemon", *roots, "--host", host, "--tls"],
        capture_output=True,
        text=True,
        timeout=20 * FACTOR,
        check=False,
    )
    assert done.returncode == 1
    assert "could not read TLS file" in done.stderr or "without --tlsverify" in done.stderr


@pytest.fixture
def there(daemon: Daemon, tmp_path: Path) -> dict[str, str]:
    """What the far side's shell has: our shim and nothing else that speaks Docker."""
    shim = tmp_path / "shim"
    shim.mkdir()
    (shim / "docker").symlink_to(SAMPAN)
    environment = {"DOCKER_HOST": daemon.host, "SAMPAN_PYTHON": sys.executable}
    return {**environment, "PATH": f"{shim}:/usr/bin:/bin"}


@pytest.fixture
def pretended(there: dict[str, str], tmp_path: Path) -> str:
    """A PATH with an ssh(1) that only goes to a shell with that environment."""
    directory = tmp_path / "bin"
    directory.mkdir()
    script = directory / "ssh"
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in there.items())
    script.write_text(f'#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift 2\n{exports}exec sh -c "$*"\n')
    script.chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"


def test_ssh_carries_streams(wrapped: Wrapped, pretended: str) -> None:
    cli = wrapped(DOCKER_HOST="ssh://me@far.example:2222", PATH=pretended)
    result = cli("run", "-i", "--rm", "busybox", "sh", "-c", "cat; exit 4", stdin=b"a\nb\n", check=False)
    assert result == (4, "a\nb\n", "")
    assert cli("ps", "-aq").out == ""


def test_ssh_and_no_daemon_there(wrapped: Wrapped, pretended: str) -> None:
    cli = wrapped(DOCKER_HOST="ssh://far.example/nowhere/sock", PATH=pretended)
    result = cli("ps", check=False)
    assert result.code == 1
    assert "has exited with exit status 1" in result.err
    assert "stderr=Cannot connect to the Docker daemon at unix:///nowhere/sock" in result.err


def test_ssh_that_is_not_let_in(wrapped: Wrapped, tmp_path: Path) -> None:
    script = tmp_path / "ssh"
    # Not before it was spoken to: docker, while it writes, would say nothing of what it was told.
    script.write_text("#!/bin/sh\nread -r _\necho 'Permission denied (publickey).' >&2\nexit 255\n")
    script.chmod(0o755)
    cli = wrapped(DOCKER_HOST="ssh://far.example", PATH=f"{tmp_path}:{os.environ['PATH']}")
    result = cli("ps", check=False)
    assert result.code == 1
    # The stock client may come to write after ssh has gone, and then says just that.
    late = cli.name == "docker" and "broken pipe" in result.err
    assert late or "has exited with exit status 255" in result.err
    assert "stderr=Permission denied (publickey)." in result.err


@contextlib.contextmanager
def running_sshd(place: Path, there: dict[str, str]) -> Iterator[int]:
    """A real one on loopback, with keys of its own: its port."""
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / name)]
        subprocess.run(key, check=True)
    shutil.copy(place / "user.pub", place / "authorized")
    port = free_port()
    settings = place / "sshd_config"
    pairs = " ".join(f'{name}="{value}"' for name, value in there.items())
    settings.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {place}/host\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {place}/authorized\nPermitRootLogin yes\nUsePAM no\nSetEnv {pairs}\n"
    )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd(8) will not start without
    assert SSHD
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(settings)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: _listening(port), 10, "sshd")
        yield port
    finally:
        process.terminate()
        process.wait(10 * FACTOR)


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(SSHD is None, reason="there is no sshd here")
def test_a_real_sshd(wrapped: Wrapped, there: dict[str, str], tmp_path: Path) -> None:
    place = Path(tempfile.mkdtemp(prefix="sampan-ssh-"))
    try:
        with running_sshd(place, there) as port:
            # Neither client has a flag for a key: a wrapper says what ~/.ssh/config would.
            script = tmp_path / "ssh"
            options = f"-F none -i {place}/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
            script.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -q {options} "$@"\n')
            script.chmod(0o755)
            path = f"{tmp_path}:{os.environ['PATH']}"
            cli = wrapped(DOCKER_HOST=f"ssh://root@127.0.0.1:{port}", PATH=path)
            result = cli(
                "run", "-i", "--rm", "busybox", "sh", "-c", "cat; exit 6", stdin=b"far\n", check=False
            )
            assert result == (6, "far\n", "")
    finally:
        shutil.rmtree(place)
