"""Names of images: Docker's grammar (distribution/reference v0.6, grammar.go) without `re`, for the CLI too.

    reference       := name [ ":" tag ] [ "@" digest ]
    name            := [ domain "/" ] path-component [ "/" path-component ]*
    domain          := host [ ":" port ]       (recognized by a `.`, a `:`, or being `localhost`)
    path-component  := alpha-numeric [ separator alpha-numeric ]*      lower case
    separator       := "_" | "__" | "." | "-"*
    tag             := [\\w][\\w.-]{0,127}

Canonical: `docker.io/library/nginx:latest`. Familiar, what people see: `nginx:latest`.
"""

from typing import NamedTuple

from sampan.errors import InvalidArgument

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_NAME_LIMIT = 255

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_ALNUM = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WORD = _ALNUM | {"_"}
_HEX = frozenset("0123456789abcdef")


class Reference(NamedTuple):
    domain: str  # "docker.io"
    path: str  # "library/nginx"
    tag: str | None
    digest: str | None

    @property
    def repository(self) -> str:
        """Canonical, without tag and digest: `docker.io/library/nginx`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_repository(self) -> str:
        """As Docker shows it: `nginx`, `user/app`, `127.0.0.1:5000/app`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.repository
        rest = self.path.removeprefix("library/")
        return self.path if "/" in rest else rest

    @property
    def canonical(self) -> str:
        return self.repository + self._suffix()

    @property
    def familiar(self) -> str:
        return self.familiar_repository + self._suffix()

    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def with_default_tag(self) -> "Reference":
        """`:latest` where neither a tag nor a digest is given."""
        return self if self.tag or self.digest else self._replace(tag=DEFAULT_TAG)


def parse(text: str) -> Reference:
    """What Docker's `ParseNormalizedNamed` makes of `text`; an InvalidArgument in its words otherwise."""
    if len(text) == 64 and _HEX.issuperset(text):
        raise InvalidArgument(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    domain, rest = _split_domain(text)
    rest, digest = _split_digest(rest)
    path, tag = _split_tag(rest)
    if path.lower() != path:
        raise InvalidArgument(f"invalid reference format: repository name ({path}) must be lowercase")
    if not (is_domain(domain) and _is_path(path)) or (tag is not None and not is_tag(tag)):
        raise InvalidArgument("invalid reference format")
    if len(path) > _NAME_LIMIT:
        raise InvalidArgument("repository name must not be more than 255 characters")
    return Reference(domain, path, tag, digest)


def parse_canonical(text: str) -> Reference:
    """A name from our own records, which needs no second look at its grammar."""
    domain, _, rest = text.partition("/")
    rest, at, digest = rest.partition("@")
    path, tag = _split_tag(rest)
    return Reference(domain, path, tag, digest if at else None)


def _split_domain(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first.lower() != first):
        domain, path = first, rest
    else:
        domain, path = DEFAULT_DOMAIN, text
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = "library/" + path
    return domain, path


def _split_digest(text: str) -> tuple[str, str | None]:
    rest, at, digest = text.partition("@")
    if not at:
        return text, None
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or len(value) != 64 or not _HEX.issuperset(value):
        raise InvalidArgument("invalid reference format")
    return rest, digest


def _split_tag(text: str) -> tuple[str, str | None]:
    path, colon, tag = text.rpartition(":")
    return (path, tag) if colon else (text, None)


def is_tag(text: str) -> bool:
    return 0 < len(text) <= 128 and text[0] in _WORD and all(c in _WORD or c in ".-" for c in text)


def is_domain(text: str) -> bool:
    if text.startswith("["):  # an IPv6 address
        host, bracket, port = text[1:].partition("]")
        if not bracket or not all(c in "0123456789abcdefABCDEF:" for c in host):
            return False
        return port == "" or (port[0] == ":" and _is_port(port[1:]))
    host, colon, port = text.partition(":")
    return all(_is_label(label) for label in host.split(".")) and (not colon or _is_port(port))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _is_label(text: str) -> bool:
    return bool(text) and text[0] != "-" and text[-1] != "-" and all(c in _ALNUM or c == "-" for c in text)


def _is_path(path: str) -> bool:
    return all(_is_component(component) for component in path.split("/"))


def _is_component(text: str) -> bool:
    if not text or text[0] not in _LOWER or text[-1] not in _LOWER:
        return False
    separator = ""
    for character in text:
        if character in _LOWER:
            if separator not in ("", ".", "_", "__") and separator.strip("-"):
                return False
            separator = ""
        elif character in "._-":
            separator += character
        else:
            return False
    return True
