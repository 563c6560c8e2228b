"""The commands that the README and the pages of docs/ show.

A fenced block with lines that begin with `$ ` is a dialogue: commands and what they print. A
comment directly before a block says how to test it:

<!-- test: same output -->       the output must be the one shown; `…` is any text, or some lines
<!-- test: exit 1 -->            the commands end with this status
<!-- test: add OPTIONS -->       more words for each command, such as a smaller data set
<!-- test: as prepare -->        `prepare` runs in place of `train`, which reads in the same way
<!-- test: in background -->     a server: it runs until the page ends
<!-- not tested: REASON -->      nothing is run

Several of them may follow each other, divided by semicolons.
"""

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?:<!-- (?P<note>(?:test|not tested): [^>]*?) -->\n+)?"
    r"^(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=fence)$",
    re.M | re.S,
)

SOME_LINES = r"(?:.*\n)*"


@dataclass(frozen=True)
class Example:
    """A command and what the page says it prints."""

    command: str
    output: str
    line: int
    note: str = ""

    @property
    def status(self) -> int:
        """Return the exit status that is expected."""
        found = re.search(r"exit (\d+)", self.note)
        return int(found[1]) if found else 0

    @property
    def is_run(self) -> bool:
        """Return True if the command is to be run."""
        return not self.note.startswith("not tested")

    @property
    def is_compared(self) -> bool:
        """Return True if the output has to be the one shown."""
        return "same output" in self.note

    @property
    def is_server(self) -> bool:
        """Return True if the command runs until it is ended."""
        return "in background" in self.note

    @property
    def words(self) -> str:
        """Return the command as the test runs it."""
        found = re.search(r"add ([^;]*)", self.note)
        command = f"{self.command} {found[1]}" if found else self.command
        if "as prepare" in self.note:
            return command.replace("sentiment train", "sentiment prepare")
        return command

    def fits(self, printed: str) -> bool:
        """Return True if what was printed is what the page shows."""
        lines = self.output.strip().splitlines()
        pattern = "".join(SOME_LINES if line == "…" else _line_pattern(line) for line in lines)
        real = "".join(f"{line.rstrip()}\n" for line in printed.strip().splitlines())
        return re.fullmatch(pattern, real) is not None


def _line_pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.rstrip().split("…"))) + "\n"


def dialogues(page: Path) -> list[Example]:
    """Return the commands of all dialogues of a page, in order."""
    text = page.read_text("utf-8")
    examples = []
    for block in BLOCK.finditer(text):
        if re.search(r"^\$ ", block["body"], re.M):
            line = text.count("\n", 0, block.start("body")) + 1
            examples += _dialogue(block["body"], line, (block["note"] or "").removeprefix("test: "))
    return examples


def _dialogue(body: str, line: int, note: str) -> list[Example]:
    examples = []
    for part in re.split(r"^(?=\$ )", body, flags=re.M):
        if part.startswith("$ "):
            command = re.match(r"\$ ((?:[^\n]*\\\n)*[^\n]*)\n?", part)
            output = part[command.end() :]
            text = re.sub(r"\s*\\\n\s*", " ", command[1])
            examples.append(Example(re.sub(r"\s+#\s.*", "", text), output, line, note))
        line += part.count("\n")
    return examples


def python_blocks(page: Path) -> list[Example]:
    """Return the Python blocks of a page, in order."""
    text = page.read_text("utf-8")
    return [
        Example(
            block["body"], "", text.count("\n", 0, block.start("body")) + 1, block["note"] or ""
        )
        for block in BLOCK.finditer(text)
        if block["language"] == "python"
    ]


def undeclared(page: Path) -> list[str]:
    """Return the lines of a page that show a command in a block that is no dialogue."""
    text = page.read_text("utf-8")
    return [
        line
        for block in BLOCK.finditer(text)
        if not (block["note"] or "").startswith("not tested")
        and not re.search(r"^\$ ", block["body"], re.M)
        and block["language"] in {"", "sh", "bash", "console", "shell"}
        for line in block["body"].splitlines()
        if re.match(r"\s*(\w+=\S+ )*(sentiment|make|pip|python|curl|mlflow) ", line)
    ]
