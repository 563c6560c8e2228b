"""Any input gives an answer or a one-sentence error: no traceback, no hang, no leak.

A few thousand inputs, the same ones in every run; with --slow a hundred thousand. No input may take
longer than a second, and the memory of the process must not grow with their number.
"""

import io
import json
import os
import signal
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, find, given, seed, settings
from hypothesis import strategies as st

from sentiment.data import formats, labelled_files
from sentiment.data.tokenizer import fit
from sentiment.errors import DamagedFileError, InputError
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle
from tests.helpers.slow import SLOW
from tests.helpers.stored import add_run
from tests.helpers.terminal import OBEYED, call

# Number of inputs for each target: in every run of the tests, and with --slow.
BUDGET = {
    "tables": (600, 32_000),
    "json": (600, 32_000),
    "labelled": (200, 10_000),
    "texts": (500, 12_000),
    "parts": (200, 5_000),
    "records": (200, 4_000),
    "arguments": (200, 5_000),
}
BATCH = 1000  # inputs per Hypothesis run: it stores all inputs of a run in memory
MAX_GROWTH = 64 << 20  # bytes


def resident():
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Limit:
    """A limit of one second of CPU time, and of ten seconds of waiting, per input.

    CPU time, because a busy machine may not run this process for a second.
    """

    exceeded = False  # needed because an exception in a callback from C code is lost

    def on_signal(self, *_):
        self.exceeded = True
        raise TimeoutError("it took longer than a second")

    def set(self, work, wait):
        signal.setitimer(signal.ITIMER_PROF, work)
        signal.setitimer(signal.ITIMER_REAL, wait)


def try_all(target, check, *strategies):
    """Call `check` with as many inputs as the budget of the target allows."""
    find(st.text(), lambda _: True)  # builds Hypothesis's table of characters, before the limit
    total, tried, warm = BUDGET[target][SLOW], 0, None
    limit = Limit()

    def one(values):
        nonlocal tried
        tried += 1
        limit.set(1, 10)
        try:
            check(*values)
        finally:
            limit.set(0, 0)
        assert not limit.exceeded

    kinds = (signal.SIGPROF, signal.SIGALRM)
    before = [signal.signal(kind, limit.on_signal) for kind in kinds]
    try:
        number = 0
        while tried < total:
            many = min(BATCH, total - tried)
            chosen = settings(
                max_examples=many, deadline=None, database=None,
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            seed(number)(chosen(given(st.tuples(*strategies))(one)))()
            number += 1
            warm = warm or resident()
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
    assert resident() - warm < MAX_GROWTH


def test_the_slow_budget_is_a_hundred_thousand_inputs():
    assert sum(slow for _, slow in BUDGET.values()) == 100_000


# Bytes that are special to readers; random bytes are tried as well.
PIECES = [b'"', b'""', b",", b"\t", b"\n", b"\r", b"\r\n", b"\x00", b" ", b"\\", b"{", b"}", b"["]
PIECES += [b'"text"', b"text", b":", b'{"text": "good"}', b"label", b"1e999", b"NaN", b"good film"]
PIECES += [
    b"\xff",
    b"\xef\xbb\xbf",
    "\u00e9".encode(),
    "\u2028".encode(),
    b"\xed\xa0\x80",
    b"\\ud8",
]
PIECES += [b"=1", b"@", b"-", b"\x1b[2J", "\u202e".encode(), b"&#", b"9" * 5000, b"[" * 2000]
DATA = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES)).map(b"".join))
# Lone surrogates too: JSON can hold them.
ANY = st.text(st.characters(codec=None, categories=("L", "M", "N", "P", "S", "Z", "C")))
LONG = st.tuples(ANY, st.sampled_from([1, 50, 5000])).map(lambda part: part[0] * part[1])


def read(suffix, data):
    return formats.make_reader(Path(f"a{suffix}"), io.BytesIO(data))


def test_every_row_of_a_table_is_written_with_unchanged_cells():
    def check(suffix, data, has_header, defuse):
        header = b"text\tn\n" if suffix == ".tsv" else b"text,n\n"
        data = header * has_header + data
        try:
            reader = read(suffix, data)
        except InputError:
            return
        rows = list(reader.rows())
        assert reader.offset == len(data)
        if not reader.columns:
            return
        writer = formats.make_writer(
            Path(f"a{suffix}"), reader, ["label", "probability"], defuse=defuse
        )
        output = writer.head + writer.chunk(rows, [["x", 0.5]] * len(rows))
        second = read(suffix, output)
        assert len(second.columns) == len(reader.columns) + 2
        assert defuse or second.columns[:-2] == reader.columns
        names = set(second.columns)
        for row, written in zip(rows, second.rows(), strict=True):
            if row.wrong or "label" in reader.columns or len(names) < len(second.columns):
                continue
            assert (written.fields["label"], written.wrong) == ("x", None)
            assert defuse or row.fields.items() <= written.fields.items()

    suffixes = st.sampled_from([".csv", ".tsv"])
    try_all("tables", check, suffixes, DATA, st.booleans(), st.booleans())


def test_every_line_of_json_is_written_as_one_object():
    def check(data):
        try:
            reader = read(".jsonl", data)
            rows = list(reader.rows())
        except InputError as error:
            assert "compressed data is damaged" in error.fact or "seems to be UTF-16" in error.fact
            return
        assert reader.offset == len(data) or reader.encoding != "utf-8"
        writer = formats.make_writer(Path("a.jsonl"), reader, ["label", "probability", "warnings"])
        lines = writer.chunk(rows, [["x", 0.5, []]] * len(rows)).split(b"\n")[:-1]
        assert len(lines) == len(rows)
        for line in lines:
            assert "label" in json.loads(line)

    try_all("json", check, DATA)


def test_a_labelled_file_is_read_or_named_in_an_error(tmp_path):
    def check(suffix, data):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data)
        for load in (
            labelled_files.read_labelled,
            lambda path: list(labelled_files.read_texts(path)),
        ):
            try:
                load(path)
            except InputError as error:
                assert str(path) in error.fact

    try_all("labelled", check, st.sampled_from([".csv", ".tsv", ".jsonl"]), DATA)


def test_any_text_has_an_id_for_each_token():
    texts = ["a good film", "good film"]
    tokenizer = fit(texts, most_words=9, least_word=1, least_ngram=(1, 1))[0]

    def check(text):
        encoded = tokenizer.encode([text, "good film", text])
        first, middle, last = encoded.lengths.tolist()
        assert (first, middle) == (last, 2)
        assert encoded.tokens.max(initial=0) < tokenizer.vocabulary_size
        assert tokenizer.features(encoded, 3).max(initial=0) < tokenizer.feature_count

    by_bytes = DATA.map(lambda data: data.decode("utf-8", "surrogateescape"))
    many_marks = st.text("\u0301\u0316\u05b0\uff9e", min_size=2, max_size=3).map(
        lambda t: t * 20_000
    )
    try_all("texts", check, st.one_of(*[LONG] * 4, *[by_bytes] * 4, many_marks))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("fuzz") / "data" / "models" / "tiny").folder


@st.composite
def damaged(draw, original):
    """Return other bytes than those of a file, or its own with a part replaced."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.binary(max_size=200))
    start = draw(st.integers(0, len(original)))
    if draw(st.integers(0, 3)) == 0:  # replace numbers with extreme ones
        extreme = st.sampled_from([b"\xff\xff\x7f\x7f", b"\xff\xff\x7f\xff"])
        numbers = b"".join(draw(st.lists(extreme, min_size=2, max_size=4))) * 20
        start = max(128, start - start % 4)  # after the header of an array
        return (original[:start] + numbers)[: len(original)] + original[start + len(numbers) :]
    end = draw(st.integers(start, min(len(original), start + 8)))
    return original[:start] + draw(st.binary(max_size=8)) + original[end:]


@st.composite
def with_damaged_member(draw, original):
    """Return a valid archive with one damaged member."""
    with zipfile.ZipFile(io.BytesIO(original)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw(st.sampled_from(sorted(members)))
    members[name] = draw(damaged(members[name]))
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return output.getvalue()


def assert_predicts_or_names(folder):
    """Assert that a bundle predicts probabilities, or that an error names it."""
    try:
        probabilities = Classifier(bundle.read(folder)).predict(["a good film", "heart", ""])
    except DamagedFileError as error:
        assert str(folder) in error.fact
    else:
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
        assert probabilities.shape == (3,)


PARTS = ["words.txt", "ngrams.npy", "embedding.npy", "weights.npz"]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_model_with_a_damaged_file_predicts_or_is_named_in_an_error(model):
    def check(data):
        name = data.draw(st.sampled_from(PARTS))
        path = model / name
        original, manifest = path.read_bytes(), (model / "bundle.json").read_bytes()
        in_archive = name == "weights.npz" and data.draw(st.booleans())
        strategy = with_damaged_member if in_archive else damaged
        path.write_bytes(data.draw(strategy(original)))
        try:
            # With new digests, because the old ones would reveal the damage.
            content = json.loads(manifest)
            content["files"][name] = files.checksums(model)[name]
            (model / "bundle.json").write_text(json.dumps(files.add_checksum(content)), "utf-8")
            assert_predicts_or_names(model)
        finally:
            path.write_bytes(original)
            (model / "bundle.json").write_bytes(manifest)

    try_all("parts", check, st.data())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part),
    max_leaves=4,
)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_model_with_any_manifest_predicts_or_is_named_in_an_error(model):
    def check(data):
        path = model / "bundle.json"
        original = path.read_bytes()
        content = json.loads(original)
        table, names = content, sorted(content)
        while True:
            name = data.draw(st.sampled_from(names))
            if not (isinstance(table[name], dict) and table[name] and data.draw(st.booleans())):
                break
            table = table[name]
            names = sorted(table)
        table[name] = data.draw(JSON)
        by_bytes = data.draw(st.none() | damaged(original))
        try:
            path.write_bytes(by_bytes or json.dumps(files.add_checksum(content)).encode())
            assert_predicts_or_names(model)
        finally:
            path.write_bytes(original)

    try_all("records", check, st.data())


# Arguments as a shell passes them: no NUL, and lone surrogates for bytes that are not UTF-8. No
# slash, so that no path leads out of the folder.
RAW = st.lists(st.binary(max_size=8) | st.sampled_from(PIECES[:-2])).map(b"".join)
WORD = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=20) | RAW.map(
    lambda raw: raw.translate(None, b"/\0").decode("utf-8", "surrogateescape")
)
NUMBER = st.sampled_from(["0", "1", "0.5", "0.7", "2", "-1", "nan", "1e999", "1e-9", "", "9" * 400])
FILE = st.sampled_from(["in.csv", "in.tsv", "in.jsonl", "in.txt", "no.csv", "."]) | WORD
OUT = st.sampled_from(["out.csv", "out.jsonl", "out.npz", "out.html", "in.csv", "."]) | WORD
COLUMN = st.sampled_from(["text", "label"]) | WORD
METRIC = st.sampled_from(["units", "units=16", "validation/loss", "validation/loss<0.3"]) | WORD
MODEL = {"--model": st.sampled_from(["tiny", ".", "models:/sentiment@champion"]) | WORD}
EXPERIMENT = {"--experiment": st.just("sentiment") | WORD}
NUMBERS = ["--units", "--epochs", "--dropout", "--seed", "--learning-rate", "--batch-size"]
# The options of each command and the values that may follow them. No command trains, downloads or
# serves: the file of those that would train is too short.
GRAMMAR = {
    ("predict",): {
        "": WORD | st.sampled_from(["a good film", "-"]), "--input": FILE, "--output": OUT,
        "--text-column": COLUMN, "--threshold": NUMBER, "--trace": None, "--why": None,
        "--neutral": st.tuples(NUMBER, NUMBER) | st.just("auto"), "--evidence": None,
        "--html": OUT, "--resume": None, "--json": None,
        "--on-error": st.sampled_from(["skip", "null", "fail", "x"]), "--quiet": None,
        "--defuse-formulas": None, **MODEL,
    },
    ("predict", "--on-error", "null", "--input"): {
        "": FILE, "--output": OUT, "--defuse-formulas": None, "--text-column": COLUMN,
        "--resume": None, "--neutral": st.tuples(NUMBER, NUMBER), "--evidence": None,
    },
    ("predict", "a good film"): {
        "": WORD, "--json": None, "--trace": None, "--why": None, "--quiet": None,
        "--threshold": NUMBER, "--html": OUT,
    },
    ("states",): {
        "": WORD | st.sampled_from(["a good film", "-"]), "--input": FILE, "--output": OUT,
        "--text-column": COLUMN, "--steps": st.sampled_from(["all", "last", "x"]), **MODEL,
    },
    ("evaluate", "--data", "in.csv"): {
        "--data": FILE, "--text-column": COLUMN, "--label-column": COLUMN, "--json": None,
        "--mistakes": NUMBER, "--no-track": None, "--on-error": st.just("skip"), **MODEL,
    },
    ("runs",): {"--json": None, "--stale": None, "--older-than": NUMBER, **EXPERIMENT},
    ("compare",): {
        "": WORD | st.sampled_from(["first", "second"]), "--filter": METRIC, "--sort": METRIC,
        "--columns": METRIC, "--limit": NUMBER, "--html": OUT, "--json": None, **EXPERIMENT,
    },
    ("promote", "none"): {"": WORD, **EXPERIMENT},
    ("prepare", "--dataset", "in.csv"): {
        "--dataset": FILE, "--archive": FILE, "--text-column": COLUMN, "--again": None,
        "--label-column": COLUMN, "--vocabulary": NUMBER,
    },
    ("train", "--dataset", "in.csv"): {
        "--recipe": st.just("default") | FILE, "--show": None, "--name": WORD, "--no-track": None,
        "--snapshots": st.sampled_from(["off", "batch:0"]) | WORD, "--profile": None,
        **dict.fromkeys(NUMBERS, NUMBER), **EXPERIMENT,
    },
    ("train", "--resume"): {"": st.just("last") | WORD, "--profile": None, "--units": NUMBER},
    (): {"": WORD, "--version": None, "--help": None},
}  # fmt: skip


@st.composite
def typed(draw):
    """Return the arguments of a command; in one case of ten, one of them is replaced."""
    command = draw(st.sampled_from(list(GRAMMAR)))
    words = list(command)
    for name in draw(st.lists(st.sampled_from(sorted(GRAMMAR[command])), max_size=4)):
        words += [name] if name else []
        if GRAMMAR[command][name] is not None:
            value = draw(GRAMMAR[command][name])
            words += value if isinstance(value, tuple) else [value]
    if words and draw(st.integers(0, 9)) == 0:
        words[draw(st.integers(0, len(words) - 1))] = draw(WORD)
    return words


@pytest.fixture
def at_home(tmp_path, model, monkeypatch):
    root = model.parents[2]
    monkeypatch.chdir(tmp_path)
    for name, value in {"SENTIMENT_HOME": root, "TFDS_DATA_DIR": tmp_path, "TERM": "dumb"}.items():
        monkeypatch.setenv(name, str(value))
    for name in ("SENTIMENT_MODEL", "MLFLOW_TRACKING_URI", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    rows = [("text", "label"), ("a good film", "pos"), ("a bad heart", "neg"), ("", "pos")]
    for kind, mark in ((".csv", ","), (".tsv", "\t"), (".txt", " ")):
        Path(f"in{kind}").write_text("".join(f"{mark.join(row)}\n" for row in rows))
    Path("in.jsonl").write_text('{"text": "a good film", "label": "pos"}\n{"text": 1}\n[]\n')
    for name in ("first", "second"):
        add_run(
            ProjectPaths(root), name, settings={"units": 16}, losses=(0.5, 0.3), right="+++++++-"
        )
    # Imports on first use take longer than a second, so they happen here.
    for words in (["runs"], ["compare", "--html", "x.html"], ["states", "a"], ["train", "--show"]):
        assert call(*words).status == 0


def test_any_arguments_give_an_answer_or_an_error_message(at_home):
    statuses = Counter()

    def check(words, fed, terminal):
        result = call(*words, fed=fed, terminal=terminal)
        assert result.status in (0, 1, 2)
        assert "Traceback" not in result.err and "unexpected error" not in result.err, result.err
        # A pipe gets the data unchanged, and the help that comes without words has colours.
        assert not words or not OBEYED.search(result.err + result.out * terminal)
        assert result.status == 0 or result.err or not words
        statuses[result.status] += 1

    fed = st.one_of(st.just(b"a good film\n"), DATA)
    try_all("arguments", check, typed(), fed, st.booleans())
    # Otherwise most inputs would be usage errors.
    assert min(statuses[0], statuses[1], statuses[2]) > sum(statuses.values()) / 10, statuses


def test_every_option_in_the_grammar_exists(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for command, options in GRAMMAR.items():
        wanted = "--help-all" if command[:1] == ("train",) else "--help"
        listed = call(*command[:1], wanted, terminal=False).out
        # `--track` and `--no-track` are listed as `--[no-]track`.
        names = [name.replace("--no-", "--[no-]") for name in options]
        assert not [name for name in names if name not in listed]
