"""What can be wrong with a template."""

from __future__ import annotations


class TemplateError(Exception):
    """Base; `str` is Go's sentence."""


class ParseError(TemplateError):
    """The text is no template: `template: NAME:LINE: …`."""


class ExecutionError(TemplateError):
    """It fails on this value: `template: NAME:LINE:COLUMN: executing "NAME" at <…>: …`. `partial`: the text
    before.
    """

    partial = ""


class CallError(Exception):
    """A function refuses its arguments; becomes an ExecutionError where it was called."""
