"""Go's text/template (https://pkg.go.dev/text/template), for `--format`: text → lexer → parser → evaluate.

Loaded only when a template is given.
"""
