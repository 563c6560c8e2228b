"""Count how many small faults, put into the code on purpose, the tests notice.

Run by `make mutants`, in a copy of the repository. pyproject.toml lists the modules and their tests
under `tool.mutmut`. Exits with 1 if fewer than 90 % are noticed; docs/mutants.md describes the
others. With `--show`, prints the change that each of them makes.
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
MIN_SHARE = 0.9
# mutmut skips decorated functions; with these decorators they are worth testing.
DECORATORS = ("contextmanager", "property", "cached_property")


def undecorated(source: str) -> str:
    """Return `source` with `f = d(f)` after each function `f` in place of its decorator `@d`."""
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda node: -node.lineno):
        names = [ast.unparse(decorator) for decorator in function.decorator_list]
        if len(names) == 1 and names[0] in DECORATORS:
            indent = " " * function.col_offset
            lines.insert(
                function.end_lineno, f"{indent}{function.name} = {names[0]}({function.name})"
            )
            del lines[function.decorator_list[0].lineno - 1]
    return "\n".join(lines) + "\n"


def copy_repository(folder: Path) -> None:
    """Copy what the tests need to `folder`, and remove decorators from the package."""
    for name in ("sentiment", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path in (folder / "sentiment").rglob("*.py"):
        path.write_text(undecorated(path.read_text("utf-8")), "utf-8")


def table_row(name: str, counts: Counter[str]) -> str:
    """Return a row of the table; a mutant that ran out of time does not count as killed."""
    total = counts.total()
    survived = counts["survived"] + counts["no tests"]
    timed_out = total - counts["killed"] - survived
    share = counts["killed"] / total
    return f"{name:<22}{total:>8}{counts['killed']:>8}{survived:>10}{timed_out:>9}{share:>9.1%}"


def main() -> int:
    """Run mutmut, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--show", action="store_true", help="print the mutants that survived")
    show = parser.parse_args().show
    mutmut = Path(sys.executable).parent / "mutmut"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_repository(folder)
        subprocess.run([mutmut, "run"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        print(
            f"{'module':<22}{'mutants':>8}{'killed':>8}{'survived':>10}{'timeout':>9}{'share':>9}"
        )
        total: Counter[str] = Counter()
        not_killed = []
        package = folder / "mutants" / "sentiment"
        for path in sorted(package.rglob("*.meta")):
            codes = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
            counts = Counter(status_by_exit_code[code] for code in codes.values())
            module = path.relative_to(package).as_posix().partition(".")[0]
            print(table_row(module, counts))
            total += counts
            not_killed += [
                mutant for mutant, code in codes.items() if status_by_exit_code[code] != "killed"
            ]
        print(table_row("all", total))
        if show:
            for mutant in not_killed:
                subprocess.run([mutmut, "show", mutant], cwd=folder)
    return int(total["killed"] < MIN_SHARE * total.total())


if __name__ == "__main__":
    sys.exit(main())
