"""Whatever comes in, an answer or one sentence comes out: no traceback, no hang, no leak.

A few thousand inputs, the same ones each time; with SENTIMENT_SLOW=1 a hundred thousand. None may
take longer than a second, and the memory of the process must not grow with their number.
"""

import io
import json
import os
import signal
import string
from pathlib import Path

import pytest
from build import tiny_bundle
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from stored import add_run
from terminal import OBEYED, call

from sentiment import bundle, columns, files, reviews, tables
from sentiment.errors import DamagedFileError, InputError
from sentiment.folders import Folders
from sentiment.runtime import Classifier
from sentiment.tokenizer import fit

SLOW = os.environ.get("SENTIMENT_SLOW") == "1"
# Inputs for each target: in every run of the tests, and in the slow ones.
BUDGET = {
    "tables": (600, 30_000),
    "json": (600, 30_000),
    "labelled": (300, 8_000),
    "texts": (600, 15_000),
    "parts": (200, 5_000),
    "records": (200, 4_000),
    "arguments": (300, 8_000),
}
BATCH = 1000  # inputs after which Hypothesis may forget what it has tried: it keeps all of them
MOST_GROWTH = 64 << 20  # bytes


def resident():
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def late(*_):
    raise TimeoutError("it took longer than a second")


def try_all(target, check, *strategies):
    """Call `check` with as many inputs as the target's budget has."""
    total, tried, warm = BUDGET[target][SLOW], 0, None

    def one(values):
        nonlocal tried
        tried += 1
        signal.setitimer(signal.ITIMER_REAL, 1)
        try:
            check(*values)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    before = signal.signal(signal.SIGALRM, late)
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
        signal.signal(signal.SIGALRM, before)
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
    return tables.reader_of(Path(f"a{kind}"), io.BytesIO(data))


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
        writer = columns.writer_of(reader, ["label", "probability"], defuse=defuse)
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
        writer = columns.writer_of(reader, ["label", "probability", "warnings"])
        done = writer.chunk(rows, [["x", 0.5, []]] * len(rows)).split(b"\n")[:-1]
        assert len(done) == len(rows)
        for line in done:
            assert "label" in json.loads(line)

    try_all("json", check, DATA)


def test_labelled_files_are_read_or_refused_by_name(tmp_path):
    def check(kind, data):
        path = tmp_path / f"a{kind}"
        path.write_bytes(data)
        for read in (reviews.read_labelled, lambda path: list(reviews.read_texts(path))):
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
    try_all("texts", check, st.one_of(LONG, by_bytes))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("fuzz") / "data" / "models" / "tiny").folder


@st.composite
def spoiled(draw, whole):
    """Return other bytes in the place of a file's, or its own with a stretch replaced."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.binary(max_size=200))
    start = draw(st.integers(0, len(whole)))
    end = draw(st.integers(start, min(len(whole), start + 8)))
    return whole[:start] + draw(st.binary(max_size=8)) + whole[end:]


def says_or_refuses(folder):
    """Read a bundle and predict with it, or have it refused by a sentence that names it."""
    try:
        said = Classifier(bundle.read(folder)).predict(["a good film", "heart", ""])
    except DamagedFileError as error:
        assert str(folder) in error.fact
    else:
        assert ((said >= 0) & (said <= 1)).all() and said.shape == (3,)


PARTS = ["words.txt", "ngrams.npy", "embedding.npy", "weights.npz"]


@pytest.mark.filterwarnings("error")
def test_a_part_of_a_model_that_holds_anything_is_refused_or_speaks(model):
    def check(data):
        name = data.draw(st.sampled_from(PARTS))
        path = model / name
        whole, record = path.read_bytes(), (model / "bundle.json").read_bytes()
        path.write_bytes(data.draw(spoiled(whole)))
        try:
            # With the digests of what is there now: otherwise those alone would be tried.
            stated = json.loads(record)
            stated["files"][name] = files.record(model)[name]
            (model / "bundle.json").write_text(json.dumps(files.sealed(stated)), "utf-8")
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


@pytest.mark.filterwarnings("error")
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
            path.write_bytes(by_bytes or json.dumps(files.sealed(stated)).encode())
            says_or_refuses(model)
        finally:
            path.write_bytes(record)

    try_all("records", check, st.data())


# Nothing that trains, downloads or serves: those two have a file that is too short to learn from.
COMMANDS = [["predict"], ["states"], ["evaluate"], ["runs"], ["compare"], ["promote", "none"]]
COMMANDS += [["prepare", "--dataset", "in.csv"], ["train", "--dataset", "in.csv"], ["nonsense"], []]
OPTIONS = ["--input", "--output", "--text-column", "--model", "--threshold", "--neutral", "--trace"]
OPTIONS += ["--why", "--html", "--on-error", "--resume", "--json", "--quiet", "--data", "--steps"]
OPTIONS += ["--mistakes", "--no-track", "--stale", "--older-than", "--experiment"]
OPTIONS += [
    "--label-column",
    "--defuse-formulas",
    "--filter",
    "--sort",
    "--columns",
    "--limit",
    "--recipe",
    "--units",
]
OPTIONS += ["--epochs", "--name", "--show", "--snapshots", "--archive", "--seed", "--dropout"]
OPTIONS += ["--help", "--", "-", "-x", "--=", "--threshold=nan", "--neutral=1"]
VALUES = [
    "in.csv",
    "in.jsonl",
    "in.tsv",
    "in.txt",
    "out.csv",
    "out.jsonl",
    "out.npz",
    "no.csv",
    ".",
]
VALUES += [
    "0.5",
    "1e999",
    "nan",
    "-1",
    "text",
    "label",
    "skip",
    "null",
    "all",
    "last",
    "",
    "a good",
]
VALUES += ["units=16", "validation/loss<0.3", "first", "second", "default", "tiny", "9" * 400]
# What a shell passes: no NUL, and what is not UTF-8 as lone halves. No path out of the folder.
WORD = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=20) | st.binary(
    max_size=8
).map(lambda raw: raw.replace(b"/", b"").replace(b"\0", b"").decode("utf-8", "surrogateescape"))
WORDS = st.lists(st.one_of(st.sampled_from(OPTIONS), st.sampled_from(VALUES), WORD), max_size=7)


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
        add_run(Folders(root), name, settings={"units": 16}, losses=(0.5, 0.3), right="+++++++-")
    # All that is imported when it is needed first takes longer than a second.
    for words in (["runs"], ["compare", "--html", "x.html"], ["states", "a"], ["train", "--show"]):
        assert call(*words).status == 0


def test_any_arguments_end_in_an_answer_or_a_sentence(at_home):
    def check(command, words, fed, terminal):
        said = call(*command, *words, fed=fed, terminal=terminal)
        assert said.status in (0, 1, 2)
        assert "Traceback" not in said.err and "unforeseen" not in said.err, said.err
        # A pipe gets the data as they are.
        assert not OBEYED.search(said.err + said.out * terminal)
        assert said.status == 0 or said.err or command == []

    fed = st.one_of(st.just(b""), DATA)
    try_all("arguments", check, st.sampled_from(COMMANDS), WORDS, fed, st.booleans())


def test_the_names_that_arguments_are_drawn_from_are_options(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    # Else the test above would try usage errors alone.
    listed = "".join(call(*words, "--help", terminal=False).out for words in COMMANDS[:-2])
    named = [option for option in OPTIONS if option.strip("-=" + string.digits)]
    named = [option.partition("=")[0] for option in named if option.startswith("--")]
    assert not [option for option in named if option not in listed]
