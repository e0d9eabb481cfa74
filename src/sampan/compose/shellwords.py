"""A command line of a compose file into words, with quotes as a shell takes them; nothing else of a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.compose.tree import Scalar, Sequence, text_of

if TYPE_CHECKING:
    from sampan.compose.kinds import At


def split(node: Scalar, at: At) -> Sequence:
    import shlex

    try:
        words = shlex.split(text_of(node))
    except ValueError as error:
        raise at.wrong(node.mark, f"invalid command line string: {str(error).lower()}") from None
    return Sequence([Scalar(word, node.mark) for word in words], node.mark)
