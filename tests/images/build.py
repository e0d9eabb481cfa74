"""Makes the test images from Debian's packages, once, into a cache outside the tree.

    python3 tests/images/build.py [--cache DIR] [IMAGE …]

Each image becomes CACHE/NAME.tar, a docker-archive that any engine loads. Needs root, `mmdebstrap` and
`busybox-static`. A finished image is not made again; CACHE/recipes.sha256 tells when recipes changed.
"""

import argparse
import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from recipes import RECIPES, Recipe

DEFAULT_CACHE = Path(os.environ.get("SAMPAN_TEST_IMAGES", "/var/tmp/sampan-test-images"))
CREATED = "2026-01-01T00:00:00Z"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("images", nargs="*", default=list(RECIPES))
    arguments = parser.parse_args()
    try:
        for path in build_all(arguments.cache, arguments.images):
            print(path)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} failed with exit status {error.returncode}")
    return 0


def build_all(cache: Path = DEFAULT_CACHE, names: list[str] | None = None) -> list[Path]:
    """The archives of `names` (default: all), made where they are missing. Units: one file per image."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others wait, and find them made
        _forget_old_recipes(cache)
        return [archive(cache, name) for name in names or list(RECIPES)]


def archive(cache: Path, name: str) -> Path:
    """CACHE/NAME.tar, made if it is not there, and the archives of what it stands on."""
    path = cache / f"{name}.tar"
    if path.exists():
        return path
    recipe = RECIPES[name]
    layers = [layer(cache, ancestor) for ancestor in _lineage(name)]
    temporary = path.with_suffix(".partial")
    _write_docker_archive(temporary, name, recipe, layers)
    temporary.rename(path)
    return path


def layer(cache: Path, name: str) -> Path:
    """CACHE/layers/NAME.tar: what this image adds to the one it stands on."""
    path = cache / "layers" / f"{name}.tar"
    if path.exists():
        return path
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".partial")
    makers = {"busybox": _make_busybox, "debian": _make_debian}
    makers.get(name, _make_from_packages)(cache, name, temporary)
    temporary.rename(path)
    return path


def _forget_old_recipes(cache: Path) -> None:
    digest = hashlib.sha256(Path(__file__).with_name("recipes.py").read_bytes()).hexdigest()
    mark = cache / "recipes.sha256"
    if mark.exists() and mark.read_text() != digest:
        for old in [*cache.glob("*.tar"), *cache.glob("layers/*.tar")]:
            old.unlink()
        shutil.rmtree(cache / "registry", ignore_errors=True)
    mark.write_text(digest)


def _lineage(name: str) -> list[str]:
    base = RECIPES[name].base
    return [*(_lineage(base) if base else []), name]


def _make_busybox(cache: Path, name: str, target: Path) -> None:
    root = cache / "work" / name
    shutil.rmtree(root, ignore_errors=True)
    for directory in (
        "bin",
        "etc",
        "tmp",
        "root",
        "home",
        "dev",
        "proc",
        "sys",
        "var/www",
        "usr/bin",
        "usr/sbin",
        "sbin",
    ):
        (root / directory).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy2("/bin/busybox", root / "bin/busybox")
    for applet in subprocess.run(
        ["/bin/busybox", "--list"], capture_output=True, text=True, check=True
    ).stdout.split():
        with contextlib.suppress(FileExistsError):
            os.link(root / "bin/busybox", root / "bin" / applet)
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
        "www-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
    )
    (root / "etc/group").write_text("root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnobody:x:65534:\n")
    _tar_tree(root, target)
    shutil.rmtree(root)


def _make_debian(cache: Path, name: str, target: Path) -> None:
    root = cache / "work" / name
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    suite = _suite()
    options = ["--quiet", "--mode=root", "--variant=minbase", "--include=apt,ca-certificates"]
    subprocess.run(
        ["mmdebstrap", *options, suite, str(root), *_sources(suite)], check=True, stdin=subprocess.DEVNULL
    )
    _add_authorities(root)
    for leftover in [
        *root.glob("var/lib/apt/lists/*_*"),
        *root.glob("var/cache/apt/*.bin"),
        *root.glob("usr/share/doc/*"),
    ]:
        shutil.rmtree(leftover) if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()
    _tar_tree(root, target)


def _suite() -> str:
    lines = Path("/etc/os-release").read_text().splitlines()
    return next(line.split("=")[1].strip('"') for line in lines if line.startswith("VERSION_CODENAME="))


def _sources(suite: str) -> list[str]:
    """Where this machine has its packages from, as lines of sources.list(5); empty where apt has no lists.

    mmdebstrap knows Debian's servers, but Ubuntu's only with distro-info beside it, and of those only `main`.
    """
    fields = "$(ORIGIN)|$(REPO_URI)|$(COMPONENT)|$(SUITE)|$(CODENAME)"
    query = ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]
    lines = []
    for line in subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines():
        origin, uri, component, *names = line.split("|")
        name = next((name for name in names if name.startswith(suite)), None)
        if origin in ("Debian", "Ubuntu") and uri.startswith("http") and name:
            lines.append(f"deb {uri} {name} {component}")
    return lines


def _add_authorities(root: Path) -> None:
    """The machine's own extra certificate authorities: package installs inside the images need them."""
    for certificate in Path("/usr/local/share/ca-certificates").glob("*.crt"):
        shutil.copy(certificate, root / "usr/local/share/ca-certificates")
    subprocess.run(["chroot", root, "update-ca-certificates"], check=True, capture_output=True)


def _make_from_packages(cache: Path, name: str, target: Path) -> None:
    """Install on an overlay over the base's tree; the upper directory is the layer."""
    recipe = RECIPES[name]
    base = _base_tree(cache, recipe.base or "debian")
    work = cache / "work" / f"{name}-overlay"
    shutil.rmtree(work, ignore_errors=True)
    for part in ("upper", "work", "merged"):
        (work / part).mkdir(parents=True)
    options = f"lowerdir={base},upperdir={work}/upper,workdir={work}/work,redirect_dir=off,metacopy=off"
    with _mounted(["-t", "overlay", "overlay", "-o", options], work / "merged"):
        _install(work / "merged", recipe)
    _tar_tree(work / "upper", target)
    shutil.rmtree(work)


def _base_tree(cache: Path, name: str) -> Path:
    tree = cache / "work" / name
    if not tree.exists():
        tree.mkdir(parents=True)
        subprocess.run(["tar", "-C", tree, "--xattrs", "-xf", layer(cache, name)], check=True)
    return tree


@contextlib.contextmanager
def _mounted(arguments: list[str], target: Path) -> Iterator[None]:
    subprocess.run(["mount", *arguments, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-R", target], check=True)


def _install(root: Path, recipe: Recipe) -> None:
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    script = f"""
        set -e
        apt-get -qq update
        apt-get -qq install -y --no-install-recommends {" ".join(recipe.packages)} >/dev/null
        {recipe.shell}
        rm -rf /var/lib/apt/lists/*_* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /usr/sbin/policy-rc.d
        rm -rf /usr/share/doc/* /usr/share/man/* /var/log/*.log /var/log/apt
    """
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C",
    }
    command = ["chroot", root, "sh", "-c", script]
    with _mounted(["-t", "proc", "proc"], root / "proc"):
        subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL)
    (root / "etc/resolv.conf").write_text("")


def _tar_tree(root: Path, target: Path) -> None:
    """A layer tar of `root`, sorted, with overlay whiteouts turned into `.wh.` files. xattrs are dropped."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            status = path.lstat()
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                whiteout = tarfile.TarInfo(
                    os.path.join(os.path.dirname(name), ".wh." + os.path.basename(name))
                )
                tar.addfile(whiteout)
            elif not stat.S_ISSOCK(status.st_mode):
                tar.add(path, name, recursive=False)


def _write_docker_archive(target: Path, name: str, recipe: Recipe, layers: list[Path]) -> None:
    diff_ids = [_sha256(path) for path in layers]
    config = {
        "architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
        "os": "linux",
        "created": CREATED,
        "config": dict(recipe.config),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in diff_ids]},
        "history": [{"created": CREATED, "created_by": f"made from {path.stem}"} for path in layers],
    }
    text = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [
        {
            "Config": config_name,
            "RepoTags": [f"{name}:latest"],
            "Layers": [f"{digest}/layer.tar" for digest in diff_ids],
        }
    ]
    with tarfile.open(target, "w") as tar:
        for digest, path in zip(diff_ids, layers, strict=True):
            tar.add(path, f"{digest}/layer.tar")
        _add_bytes(tar, config_name, text)
        _add_bytes(tar, "manifest.json", json.dumps(manifest).encode())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    sys.exit(main())
