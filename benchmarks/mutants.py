"""How many small faults, put into the code on purpose, the tests notice.

Run by `make mutants`, in a copy of the tree; the modules that are changed and the tests that are
asked stand in pyproject.toml, under `tool.mutmut`. Exits with 1 where fewer than 85 % are noticed.
docs/mutants.md says what those are that are not. With `--show`, prints what each one changes.
"""

import argparse
import ast
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).parents[1]
ENOUGH = 0.85
# mutmut passes over functions that are decorated, and these are worth asking about.
DECORATORS = ("contextmanager", "property", "cached_property")


def undecorated(source: str) -> str:
    """Return `source` with `@d` over a function `f` turned into `f = d(f)` after it."""
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda node: -node.lineno):
        names = [ast.unparse(decorator) for decorator in function.decorator_list]
        if len(names) == 1 and names[0] in DECORATORS:
            margin = " " * function.col_offset
            lines.insert(
                function.end_lineno, f"{margin}{function.name} = {names[0]}({function.name})"
            )
            del lines[function.decorator_list[0].lineno - 1]
    return "\n".join(lines) + "\n"


def copy(folder: Path) -> None:
    """Copy to `folder` what the tests need."""
    for name in ("sentiment", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path in (folder / "sentiment").glob("*.py"):
        path.write_text(undecorated(path.read_text("utf-8")), "utf-8")


def row(name: str, counts: Counter) -> str:
    """Return a row of the table; what ran out of time is not taken for noticed."""
    total = counts.total()
    survived = counts["survived"] + counts["no tests"]
    rest = total - counts["killed"] - survived
    share = counts["killed"] / total
    return f"{name:<12}{total:>8}{counts['killed']:>8}{survived:>10}{rest:>9}{share:>9.1%}"


def main() -> int:
    """Change, ask, count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--show", action="store_true", help="print what nobody noticed")
    shown = parser.parse_args().show
    mutmut = Path(sys.executable).parent / "mutmut"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder)
        subprocess.run([mutmut, "run"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        print(
            f"{'module':<12}{'mutants':>8}{'killed':>8}{'survived':>10}{'timeout':>9}{'share':>9}"
        )
        total, left = Counter(), []
        for path in sorted(folder.glob("mutants/sentiment/*.meta")):
            codes = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
            counts = Counter(status_by_exit_code[code] for code in codes.values())
            print(row(path.name.partition(".")[0], counts))
            total += counts
            left += [key for key, code in codes.items() if status_by_exit_code[code] != "killed"]
        print(row("all", total))
        if shown:
            for key in left:
                subprocess.run([mutmut, "show", key], cwd=folder)
    return int(total["killed"] < ENOUGH * total.total())


if __name__ == "__main__":
    sys.exit(main())
