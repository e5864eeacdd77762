"""The code on which the bytes of results depend, as digests: so that a change of it is not forgotten in `FORMAT`.

`python -m tests.results` records them in `results.json`, one line for each module.
"""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path

from pydantic import BaseModel

from dcgan.run.runs import FORMAT

PACKAGE = Path(__file__).parents[1] / "dcgan"
RECORDED = Path(__file__).with_suffix(".json")
# What fingerprints follow anyway is not among them: the job's values, and images as they are decoded.
MODULES = (
    "curation/**/*.py",
    "data/distances.py",
    "data/leakage.py",
    "data/split.py",
    "data/unlabelled.py",
    "evaluation/**/*.py",
    "execution/determinism.py",
    "execution/randomness.py",
    "generation/**/*.py",
    "networks/**/*.py",
    "run/proof.py",
    "training/**/*.py",
)
COMMAND = "python -m tests.results"


class Results(BaseModel):
    """`results.json`."""

    format: int
    modules: dict[str, str]
    """`digest` by path relative to the package."""


def digest(source: str) -> str:
    """Of a module's syntax tree: comments, docstrings and layout do not count."""
    return hashlib.sha256(_text(ast.parse(source)).encode()).hexdigest()[:16]


def _text(node: object) -> str:
    """A syntax tree as text; what is empty is left out, since versions of Python differ in it."""
    if isinstance(node, list):
        return f"[{','.join(_text(one) for one in node if not _is_docstring(one))}]"
    if isinstance(node, ast.AST):
        fields = [f"{name}={_text(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])]
        return f"{type(node).__name__}({','.join(fields)})"
    return repr(node)


def _is_docstring(node: object) -> bool:
    """Whether it is a text that stands alone, as a module's, a function's or an attribute's docstring does."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def present() -> Results:
    """What is there now."""
    files = {path for pattern in MODULES for path in PACKAGE.glob(pattern)}
    modules = {path.relative_to(PACKAGE).as_posix(): digest(path.read_text(encoding="utf-8")) for path in files}
    return Results(format=FORMAT, modules=dict(sorted(modules.items())))


def recorded() -> Results:
    """What was there when it was last recorded."""
    return Results.model_validate_json(RECORDED.read_bytes())


def main() -> None:
    """Record what is there now."""
    RECORDED.write_text(json.dumps(present().model_dump(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
