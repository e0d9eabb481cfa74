"""`images`: the list, its filters, and what each version of the Engine API shows."""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from sampan.engine.images import resolve, seal
from sampan.engine.images.images import Image, Images, image_of
from sampan.errors import InvalidArgument

_FILTERS = ("dangling", "label", "before", "since", "reference", "until")
_YES, _NO = ("true", "1", "True"), ("false", "0", "False")


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """With the field names of the Engine API."""

    Id: str
    ParentId: str
    RepoTags: list[str]
    RepoDigests: list[str]
    Created: int
    Size: int
    SharedSize: int
    Labels: dict[str, str] | None
    Containers: int
    VirtualSize: int | None = None  # up to 1.43


Moment = Callable[
    [str], float
]  # seconds since 1970 for `2026-01-02`, `10m`, `1767225600`; ValueError otherwise
_Keep = Callable[[Image], bool]


def listing(
    images: Images,
    filters: Mapping[str, Sequence[str]],
    *,
    version: tuple[int, int],
    moment: Moment,
    shared_size: bool = False,
) -> list[Summary]:
    """Newest first. Raises InvalidArgument for filters that Docker does not have, in its words."""
    for name in filters:
        if name not in _FILTERS:
            raise InvalidArgument(f"invalid filter '{name}'")
    every = [image_of(row) for row in seal.every(images) if not row.host or row.tags]
    tests = [*_tests(images, filters), *_until(filters.get("until", ()), moment)]
    kept = [image for image in every if all(test(image) for test in tests)]
    patterns = [_pattern(text) for text in filters.get("reference", ())]
    shares = shared_sizes(every) if shared_size else {}
    found = [_summary(image, patterns, shares, version) for image in kept]
    return sorted(
        (one for one in found if one is not None), key=lambda one: (-one.Created, one.RepoTags[:1], one.Id)
    )


def _tests(images: Images, filters: Mapping[str, Sequence[str]]) -> list[_Keep]:
    tests: list[_Keep] = []
    if dangling := _boolean(filters.get("dangling", ())):
        tests.append(lambda image: (not image.repo_tags and not image.repo_digests) == (dangling == "yes"))
    tests += [_labelled(text) for text in filters.get("label", ())]
    for name in filters.get("before", ()):
        tests.append(_older(resolve.find(images, name).created))
    for name in filters.get("since", ()):
        tests.append(_newer(resolve.find(images, name).created))
    return tests


def _boolean(values: Sequence[str]) -> str:
    """ "yes", "no", or "" for no filter."""
    for value in values:
        if value not in (*_YES, *_NO):
            raise InvalidArgument(f"invalid filter 'dangling=[{value}]'")
    return "" if not values else "yes" if values[-1] in _YES else "no"


def _labelled(text: str) -> _Keep:
    key, equals, value = text.partition("=")

    def test(image: Image) -> bool:
        labels = image.config.run.Labels or {}
        return key in labels and (not equals or labels[key] == value)

    return test


def _older(moment: float) -> _Keep:
    return lambda image: image.created < moment


def _newer(moment: float) -> _Keep:
    return lambda image: image.created > moment


def _until(values: Sequence[str], moment: Moment) -> list[_Keep]:
    tests = []
    for value in values:
        try:
            tests.append(_older(moment(value)))
        except ValueError:
            raise InvalidArgument("invalid filter 'until'") from None
    return tests


def _pattern(text: str) -> re.Pattern[str]:
    """Go's path.Match: `*` and `?` do not match a slash."""
    out, position = "", 0
    while position < len(text):
        character = text[position]
        position += 1
        if character in "*?":
            out += "[^/]*" if character == "*" else "[^/]"
        elif character == "[":
            end = text.find("]", position + 1)
            if end < 0:
                raise InvalidArgument("syntax error in pattern")
            out += "[" + text[position:end].replace("\\", "\\\\").replace("[", "\\[") + "]"
            position = end + 1
        else:
            out += re.escape(character)
    try:
        return re.compile(out)
    except re.error:
        raise InvalidArgument("syntax error in pattern") from None


def _matches(names: list[str], separator: str, patterns: list[re.Pattern[str]]) -> list[str]:
    """Names that match as a whole, or by their repository."""
    if not patterns:
        return names
    return [
        name
        for name in names
        if any(p.fullmatch(name) or p.fullmatch(name.rpartition(separator)[0]) for p in patterns)
    ]


def _summary(
    image: Image, patterns: list[re.Pattern[str]], shares: dict[str, int], version: tuple[int, int]
) -> Summary | None:
    tags = _matches(image.repo_tags, ":", patterns)
    names = _matches(image.repo_digests, "@", patterns)
    if patterns and not tags and not names:
        return None
    if version < (1, 43) and not tags and not names:
        tags, names = ["<none>:<none>"], ["<none>@<none>"]
    return Summary(
        Id=image.id,
        ParentId="",
        RepoTags=tags,
        RepoDigests=names,
        Created=int(image.created),
        Size=image.size,
        SharedSize=shares.get(image.id, -1),
        Labels=image.config.run.Labels,
        Containers=-1,
        VirtualSize=image.size if version < (1, 44) else None,
    )


def shared_sizes(every: list[Image]) -> dict[str, int]:
    """Bytes of each image that others have too."""
    users: dict[int, int] = {}
    for image in every:
        for number in set(image.layers):
            users[number] = users.get(number, 0) + 1
    return {
        image.id: sum(layer.size for layer in image.row.layers if users[layer.number] > 1) for image in every
    }
