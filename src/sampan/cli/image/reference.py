"""Names of images as Docker's client understands them (distribution/reference, ParseNormalizedNamed)."""

from __future__ import annotations

from sampan.errors import InvalidArgument

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_TAG_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_TAG = _TAG_FIRST | frozenset(".-")
_HEX = frozenset("0123456789abcdef")
_NAME_LIMIT = 255
_TAG_LIMIT = 128


class Reference:
    """`domain/path`, with a tag, a digest, both or neither."""

    __slots__ = ("digest", "domain", "is_identifier", "path", "tag")

    def __init__(self, domain: str, path: str, tag: str = "", digest: str = "") -> None:
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest
        self.is_identifier = False

    @property
    def familiar(self) -> str:
        """The name without what may be left out: nginx, u/x, quay.io/u/x."""
        if self.domain != "docker.io":
            return f"{self.domain}/{self.path}"
        rest = self.path.removeprefix("library/")
        return self.path if "/" in rest else rest

    @property
    def canonical(self) -> str:
        """The whole name: docker.io/library/nginx."""
        return f"{self.domain}/{self.path}"

    def with_tag(self) -> str:
        """The familiar name with what chooses of it; `latest` if nothing does."""
        return self.familiar + self._suffix()

    def canonical_with_tag(self) -> str:
        return self.canonical + self._suffix()

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        if self.digest:
            return f"{tag}@{self.digest}"
        return tag or ":latest"


def parse(text: str) -> Reference:
    """Raises InvalidArgument with the sentence that Docker's client prints. 64 hexadecimal digits are an
    ID.
    """
    if len(text) == 64 and _HEX.issuperset(text):
        reference = Reference("", text)
        reference.is_identifier = True
        return reference
    name, at, digest = text.partition("@")
    name, tag = _split_tag(name)
    domain, path = _split_domain(name)
    if path != path.lower():
        raise InvalidArgument(f"invalid reference format: repository name ({path}) must be lowercase")
    valid = _is_path(path) and _is_domain(domain) and (not at or _is_digest(digest))
    if not valid or (tag is not None and not _is_tag(tag)):
        raise InvalidArgument("invalid reference format")
    if len(path) > _NAME_LIMIT:
        raise InvalidArgument("repository name must not be more than 255 characters")
    return Reference(domain, path, tag or "", digest)


def _split_tag(name: str) -> tuple[str, str | None]:
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, None
    return head, tag


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_domain = "." in first or ":" in first or first == "localhost" or first.lower() != first
    if not slash or not is_domain:
        domain, path = "docker.io", name
    else:
        domain, path = ("docker.io" if first == "index.docker.io" else first), rest
    if domain == "docker.io" and "/" not in path:
        path = f"library/{path}"
    return domain, path


def _is_path(path: str) -> bool:
    return all(_is_component(component) for component in path.split("/"))


def _is_component(text: str) -> bool:
    """Letters and digits, parted by one dot, one or two underscores, or any number of hyphens."""
    if not text or text[0] not in _LOWER or text[-1] not in _LOWER:
        return False
    run = ""
    for letter in text:
        if letter in _LOWER:
            if run not in ("", ".", "_", "__") and run.strip("-"):
                return False
            run = ""
        elif letter in "._-":
            run += letter
        else:
            return False
    return True


def _is_domain(domain: str) -> bool:
    if domain.startswith("["):
        address, bracket, port = domain[1:].partition("]")
        valid = bool(bracket) and not set(address) - (_HEX | frozenset(":ABCDEF"))
        return valid and (not port or (port[0] == ":" and port[1:].isdigit()))
    host, colon, port = domain.partition(":")
    if colon and not (port.isascii() and port.isdigit()):
        return False
    labels = host.split(".")
    return all(
        label and label.isascii() and label.replace("-", "a").isalnum() and label[0] != "-" != label[-1]
        for label in labels
    )


def _is_tag(tag: str) -> bool:
    return bool(tag) and len(tag) <= _TAG_LIMIT and tag[0] in _TAG_FIRST and not set(tag) - _TAG


def _is_digest(digest: str) -> bool:
    algorithm, colon, digits = digest.partition(":")
    lengths = {"sha256": 64, "sha384": 96, "sha512": 128}
    return bool(colon) and len(digits) == lengths.get(algorithm, -1) and not set(digits) - _HEX
