"""Whatever comes in, an answer or one sentence comes out: no traceback, no hang, no leak.

A few thousand inputs, the same ones each time; with --slow a hundred thousand. None may
take longer than a second, and the memory of the process must not grow with their number.
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

from sentiment.data import formats, sources
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

# Inputs for each target: in every run of the tests, and in the slow ones.
BUDGET = {
    "tables": (600, 32_000),
    "json": (600, 32_000),
    "labelled": (200, 10_000),
    "texts": (500, 12_000),
    "parts": (200, 5_000),
    "records": (200, 4_000),
    "arguments": (200, 5_000),
}
BATCH = 1000  # inputs after which Hypothesis may forget what it has tried: it keeps all of them
MOST_GROWTH = 64 << 20  # bytes


def resident():
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Limit:
    """No input may take a second of work, nor wait for ten.

    By the processor's clock, as a machine with other work stands still for a second at times.
    """

    passed = False  # what is raised in a callback that C calls gets lost

    def late(self, *_):
        self.passed = True
        raise TimeoutError("it took longer than a second")

    def set(self, work, wait):
        signal.setitimer(signal.ITIMER_PROF, work)
        signal.setitimer(signal.ITIMER_REAL, wait)


def try_all(target, check, *strategies):
    """Call `check` with as many inputs as the target's budget has."""
    find(st.text(), lambda _: True)  # the first text ever makes a table of all characters
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
        assert not limit.passed

    kinds = (signal.SIGPROF, signal.SIGALRM)
    before = [signal.signal(kind, limit.late) for kind in kinds]
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
    assert resident() - warm < MOST_GROWTH


def test_the_slow_budget_is_a_hundred_thousand():
    assert sum(slow for _, slow in BUDGET.values()) == 100_000


# Bytes that readers stumble over, rather than any bytes: those are tried as well.
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
# Halves of surrogate pairs too: JSON can hold them.
ANY = st.text(st.characters(codec=None, categories=("L", "M", "N", "P", "S", "Z", "C")))
LONG = st.tuples(ANY, st.sampled_from([1, 50, 5000])).map(lambda part: part[0] * part[1])


def opened(kind, data):
    return formats.make_reader(Path(f"a{kind}"), io.BytesIO(data))


def test_a_table_comes_out_row_for_row_with_its_cells_as_they_were():
    def check(kind, data, headed, defuse):
        data = b"text,n\n".replace(b",", b"\t" if kind == ".tsv" else b",") * headed + data
        try:
            reader = opened(kind, data)
        except InputError:
            return
        rows = list(reader.rows())
        assert reader.offset == len(data)
        if not reader.columns:
            return
        writer = formats.make_writer(
            Path(f"a{kind}"), reader, ["label", "probability"], defuse=defuse
        )
        done = writer.head + writer.chunk(rows, [["x", 0.5]] * len(rows))
        again = opened(kind, done)
        assert len(again.columns) == len(reader.columns) + 2
        assert defuse or again.columns[:-2] == reader.columns
        names = set(again.columns)
        for row, written in zip(rows, again.rows(), strict=True):
            if row.wrong or "label" in reader.columns or len(names) < len(again.columns):
                continue
            assert (written.fields["label"], written.wrong) == ("x", None)
            assert defuse or row.fields.items() <= written.fields.items()

    kinds = st.sampled_from([".csv", ".tsv"])
    try_all("tables", check, kinds, DATA, st.booleans(), st.booleans())


def test_every_line_of_json_comes_out_as_one_object():
    def check(data):
        reader = opened(".jsonl", data)
        rows = list(reader.rows())
        assert reader.offset == len(data)
        writer = formats.make_writer(Path("a.jsonl"), reader, ["label", "probability", "warnings"])
        done = writer.chunk(rows, [["x", 0.5, []]] * len(rows)).split(b"\n")[:-1]
        assert len(done) == len(rows)
        for line in done:
            assert "label" in json.loads(line)

    try_all("json", check, DATA)


def test_labelled_files_are_read_or_refused_by_name(tmp_path):
    def check(kind, data):
        path = tmp_path / f"a{kind}"
        path.write_bytes(data)
        for read in (sources.read_labelled, lambda path: list(sources.read_texts(path))):
            try:
                read(path)
            except InputError as error:
                assert str(path) in error.fact

    try_all("labelled", check, st.sampled_from([".csv", ".tsv", ".jsonl"]), DATA)


def test_any_text_has_an_id_for_each_of_its_tokens():
    texts = ["a good film", "good film"]
    tokenizer = fit(texts, most_words=9, least_word=1, least_ngram=(1, 1))[0]

    def check(text):
        encoded = tokenizer.encode([text, "good film", text])
        first, middle, last = encoded.lengths.tolist()
        assert (first, middle) == (last, 2)
        assert encoded.tokens.max(initial=0) < tokenizer.vocabulary_size
        assert tokenizer.features(encoded, 3).max(initial=0) < tokenizer.feature_count

    by_bytes = DATA.map(lambda data: data.decode("utf-8", "surrogateescape"))
    piled = st.text("\u0301\u0316\u05b0\uff9e", min_size=2, max_size=3).map(lambda t: t * 20_000)
    try_all("texts", check, st.one_of(*[LONG] * 4, *[by_bytes] * 4, piled))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("fuzz") / "data" / "models" / "tiny").folder


@st.composite
def spoiled(draw, whole):
    """Return other bytes in the place of a file's, or its own with a stretch replaced."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.binary(max_size=200))
    start = draw(st.integers(0, len(whole)))
    if draw(st.integers(0, 3)) == 0:  # numbers that are too large, in the place of others
        extreme = st.sampled_from([b"\xff\xff\x7f\x7f", b"\xff\xff\x7f\xff"])
        many = b"".join(draw(st.lists(extreme, min_size=2, max_size=4))) * 20
        start = max(128, start - start % 4)  # behind the header of an array
        return (whole[:start] + many)[: len(whole)] + whole[start + len(many) :]
    end = draw(st.integers(start, min(len(whole), start + 8)))
    return whole[:start] + draw(st.binary(max_size=8)) + whole[end:]


@st.composite
def respoiled(draw, whole):
    """Return an archive of which one member is spoiled, and which is sound itself."""
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw(st.sampled_from(sorted(members)))
    members[name] = draw(spoiled(members[name]))
    done = io.BytesIO()
    with zipfile.ZipFile(done, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return done.getvalue()


def says_or_refuses(folder):
    """Read a bundle and predict with it, or have it refused by a sentence that names it."""
    try:
        said = Classifier(bundle.read(folder)).predict(["a good film", "heart", ""])
    except DamagedFileError as error:
        assert str(folder) in error.fact
    else:
        assert ((said >= 0) & (said <= 1)).all() and said.shape == (3,)


PARTS = ["words.txt", "ngrams.npy", "embedding.npy", "weights.npz"]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_part_of_a_model_that_holds_anything_is_refused_or_speaks(model):
    def check(data):
        name = data.draw(st.sampled_from(PARTS))
        path = model / name
        whole, record = path.read_bytes(), (model / "bundle.json").read_bytes()
        in_archive = name == "weights.npz" and data.draw(st.booleans())
        path.write_bytes(data.draw(respoiled(whole) if in_archive else spoiled(whole)))
        try:
            # With the digests of what is there now: otherwise those alone would be tried.
            stated = json.loads(record)
            stated["files"][name] = files.checksums(model)[name]
            (model / "bundle.json").write_text(json.dumps(files.add_checksum(stated)), "utf-8")
            says_or_refuses(model)
        finally:
            path.write_bytes(whole)
            (model / "bundle.json").write_bytes(record)

    try_all("parts", check, st.data())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part),
    max_leaves=4,
)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_record_that_holds_anything_is_refused_or_its_model_speaks(model):
    def check(data):
        path = model / "bundle.json"
        record = path.read_bytes()
        stated = json.loads(record)
        at, names = stated, sorted(stated)
        while True:
            name = data.draw(st.sampled_from(names))
            if not (isinstance(at[name], dict) and at[name] and data.draw(st.booleans())):
                break
            at = at[name]
            names = sorted(at)
        at[name] = data.draw(JSON)
        by_bytes = data.draw(st.none() | spoiled(record))
        try:
            path.write_bytes(by_bytes or json.dumps(files.add_checksum(stated)).encode())
            says_or_refuses(model)
        finally:
            path.write_bytes(record)

    try_all("records", check, st.data())


# What a shell passes: no NUL, and what is not UTF-8 as lone halves. No path out of the folder.
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
# The options of each command with what may follow them. Nothing here trains, downloads or serves:
# two have a file that is too short to learn from.
GRAMMAR = {
    ("predict",): {
        "": WORD | st.sampled_from(["a good film", "-"]), "--input": FILE, "--output": OUT,
        "--text-column": COLUMN, "--threshold": NUMBER, "--trace": None, "--why": None,
        "--neutral": st.tuples(NUMBER, NUMBER), "--html": OUT, "--resume": None, "--json": None,
        "--on-error": st.sampled_from(["skip", "null", "fail", "x"]), "--quiet": None,
        "--defuse-formulas": None, **MODEL,
    },
    ("predict", "--on-error", "null", "--input"): {
        "": FILE, "--output": OUT, "--defuse-formulas": None, "--text-column": COLUMN,
        "--resume": None, "--neutral": st.tuples(NUMBER, NUMBER),
    },
    ("states",): {
        "": WORD | st.sampled_from(["a good film", "-"]), "--input": FILE, "--output": OUT,
        "--text-column": COLUMN, "--steps": st.sampled_from(["all", "last", "x"]), **MODEL,
    },
    ("evaluate", "--data", "in.csv"): {
        "--data": FILE, "--text-column": COLUMN, "--label-column": COLUMN, "--json": None,
        "--mistakes": NUMBER, "--no-track": None, **MODEL,
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
    """Return the words of a command: most in their places, one in ten anywhere."""
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
    # All that is imported when it is needed first takes longer than a second.
    for words in (["runs"], ["compare", "--html", "x.html"], ["states", "a"], ["train", "--show"]):
        assert call(*words).status == 0


def test_any_arguments_end_in_an_answer_or_a_sentence(at_home):
    ends = Counter()

    def check(words, fed, terminal):
        said = call(*words, fed=fed, terminal=terminal)
        assert said.status in (0, 1, 2)
        assert "Traceback" not in said.err and "unexpected error" not in said.err, said.err
        # A pipe gets the data as they are.
        assert not OBEYED.search(said.err + said.out * terminal)
        assert said.status == 0 or said.err or not words
        ends[said.status] += 1

    fed = st.one_of(st.just(b"a good film\n"), DATA)
    try_all("arguments", check, typed(), fed, st.booleans())
    # Else it would have tried usage errors alone.
    assert min(ends[0], ends[1], ends[2]) > sum(ends.values()) / 10, ends


def test_the_options_that_are_drawn_exist(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for command, options in GRAMMAR.items():
        listed = call(*command[:1], "--help", terminal=False).out
        # `--no-track` is listed behind `--track`, as ` --no-track`.
        assert not [name for name in options if name not in listed]
