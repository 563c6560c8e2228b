import csv
import io
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.data import formats
from sentiment.data.compression import COMPRESSORS
from sentiment.data.readers import ReadOptions
from sentiment.data.text_stream import TextStream
from sentiment.inference import partial_file, scoring
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import LabelRule, predict
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import hear_interrupts

COMMAND = [sys.executable, "-c", "from sentiment.cli import main; main()", "predict"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def model(home):
    return tiny_bundle(home / "data" / "models" / "tiny")


@pytest.fixture(autouse=True)
def at_home(home, model, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(home))
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)


def score(*words, status=0):
    result = CliRunner().invoke(app, ["predict", *map(str, words)])
    assert result.exit_code == status, result.output
    return result


def predicted(model, *texts):
    """Return label and probability of each text."""
    predictions = predict(Classifier(model), LabelRule(), texts)
    return [(prediction.label, prediction.probability) for prediction in predictions]


def test_a_csv_file_is_written_as_it_was_with_two_more_columns(model, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b'id,text,more\n01,"a good, good film",1.10\n02,a bad heart,\n')
    result = score("--input", source, "--output", target)
    (good, p), (bad, q) = predicted(model, "a good, good film", "a bad heart")
    assert target.read_text() == (
        "id,text,more,label,probability\n"
        f'01,"a good, good film",1.10,{good},{p:.6f}\n02,a bad heart,,{bad},{q:.6f}\n'
    )
    assert score("--input", source).stdout == target.read_text()
    assert f"model: tiny ({model.folder})" in result.stderr and "2 rows written" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_json_lines_have_the_warnings_too(model, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"n": 1.0, "review": "a good film"}\n{"review": "плохой фильм"}\n')
    result = score("--input", source, "--text-column", "review", "--quiet")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["label"], row["probability"]) for row in rows] == predicted(
        model, "a good film", "плохой фильм"
    )
    assert [row["warnings"] for row in rows] == [[], ["no-known-word", "other-script"]]
    assert result.stdout.startswith('{"n": 1.0, "review": "a good film", "label": ')
    assert not result.stderr


def test_plain_text_in_a_file_is_answered_as_from_a_pipe(model, tmp_path):
    source = tmp_path / "in.txt"
    source.write_bytes(b"a good film\r\na bad heart\r\n")
    piped = CliRunner().invoke(app, ["predict"], input=source.read_bytes())
    assert score("--input", source).stdout == piped.stdout != ""


def test_parquet_keeps_its_columns_and_their_types(model, tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = arrow.table(
        {
            "text": ["a good film", None, "a bad heart"],
            "label": arrow.array([1, 0, None], "int8"),
            "when": arrow.array([1, 2, 3], arrow.timestamp("ms", "UTC")),
        }
    )
    parquet.write_table(table, source)
    assert "row 2: column 'text' is not text" in score("--input", source, status=1).stderr
    score("--input", source, "--output", target, "--on-error", "null")
    scored = parquet.read_table(target)
    assert scored.select(table.column_names).equals(table)
    (good, p), (bad, q) = predicted(model, "a good film", "a bad heart")
    assert scored["predicted_label"].to_pylist() == [good, None, bad]
    assert scored["probability"].to_pylist() == [p, None, q]
    assert scored["warnings"].to_pylist() == [[], [], []]
    piped = [*COMMAND, "--input", source, "--on-error", "null"]
    assert subprocess.run(piped, capture_output=True).stdout == target.read_bytes()
    score("--input", source, "--output", target, "--on-error", "skip")
    assert parquet.read_table(target)["when"].equals(table["when"].take([0, 2]))


def test_without_pyarrow_the_hint_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "in.parquet").write_bytes(b"")
    assert "Try: pip install pyarrow" in score("--input", tmp_path / "in.parquet", status=1).stderr


def test_a_column_of_the_user_is_never_overwritten(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("text,label,predicted_label\na good film,mine,too\n")
    result = score("--input", source)
    assert next(csv.DictReader(io.StringIO(result.stdout)))["label"] == "mine"
    assert result.stdout.startswith("text,label,predicted_label,predicted_label_2,probability\n")
    assert "already has a column 'label': the new one is 'predicted_label_2'" in result.stderr
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "good", "label": 1}\n{"text": "bad", "predicted_label": 0}\n')
    assert "line 2: it has a field 'predicted_label'" in score("--input", source, status=1).stderr
    rows = score("--input", source, "--on-error", "null").stdout.splitlines()
    assert json.loads(rows[0])["label"] == 1
    assert json.loads(rows[1]) == {
        "text": "bad", "predicted_label": 0, "probability": None, "warnings": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "message", "rows_after_skip", "bad_row"),
    [
        ("a.csv", b"text,n\ngood,1\nbad\nheart,3\n", "line 3: no column 'n'", 2, "bad,,,"),
        ("a.csv", b"text\ngood\n \nheart\n", "line 3: the text is empty", 2, " ,,"),
        ("a.tsv", b"text\ngood\n...\nheart\n", "line 3: the text holds no word", 2, "...\t\t"),
        ("a.csv", b"text\ngood\ncaf\xe9\nheart\n", "line 3: not UTF-8 text", 2, "caf\udce9,,"),
        ("a.txt", b"good\n\nheart\n", "line 2: the text is empty", 2, "-  -  "),
        (
            "a.jsonl", b'{"text": "good"}\n{"text": \n{"text": "heart"}\n',
            "line 2: not JSON", 2,
            '{"unread": "{\\"text\\": ", "label": null, "probability": null, "warnings": []}',
        ),
        (
            "a.jsonl", b'{"text": "good"}\n{"n": 1}\n{"text": "heart"}\n',
            "line 2: no column 'text'; it has n", 2,
            '{"n": 1, "label": null, "probability": null, "warnings": []}',
        ),
    ],
)  # fmt: skip
def test_a_bad_row_ends_the_work_is_left_out_or_is_kept(
    tmp_path, name, data, message, rows_after_skip, bad_row
):
    source, target = tmp_path / name, tmp_path / f"out{name[1:]}"
    source.write_bytes(data)
    result = score("--input", source, "--output", target, status=1)
    assert f"{source}, {message}" in result.stderr and "--on-error skip" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    result = score("--input", source, "--output", target, "--on-error", "skip")
    assert f"{source}, {message}" in result.stderr and "1 bad line left out" in result.stderr
    lines = target.read_text(errors="surrogateescape").splitlines()
    assert len(lines) == rows_after_skip + (name[2:] in ("csv", "tsv"))
    score("--input", source, "--output", target, "--on-error", "null")
    assert target.read_text(errors="surrogateescape").splitlines()[-2] == bad_row


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--threshold", "1.5", "x"], "threshold"),
        (["--threshold", "nan", "x"], "threshold"),
        (["--neutral", "0.6", "0.4", "x"], "neutral"),
        (["--neutral", "0.6", "nan", "x"], "neutral"),
        (["--neutral", "0.6", "0.7", "--threshold", "0.4", "x"], "threshold"),
        (["--on-error", "ignore", "x"], "on-error"),
        (["--input", "a.csv", "x"], "not both"),
        (["--input", "a.csv", "--json"], "own format"),
        (["--input", "a.csv", "--output", "b.jsonl"], "format"),
        (["--input", "a.csv", "--output", "a.csv"], "is the input"),
        (["--input", "a.csv", "--resume"], "--output"),
        (["--input", "a.parquet", "--output", "b.parquet", "--resume"], "a.parquet"),
        (["--output", "b.csv", "x"], "--input"),
    ],
)
def test_options_that_do_not_fit_are_a_usage_error(words, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("text\ngood\n")
    arrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(arrow.table({"text": ["good"]}), "a.parquet")
    monkeypatch.setenv("COLUMNS", "200")
    assert part in score(*words, status=2).stderr
    assert (tmp_path / "a.csv").read_text() == "text\ngood\n"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", "no column 'text'; it has no header"),
        ("a.csv", b"title\ngood\n", "no column 'text'; it has title"),
        ("a.csv", b"text,text\ngood,bad\n", "two columns 'text' (1 and 2)"),
        ("a.csv", b"review,body\ngood,bad\n", "several columns may hold the text: review, body"),
        ("a.csv", b"text~label\ngood~1\n", "no column 'text'; it has text~label"),
        ("a.xls", b"", "expected a name that ends in"),
        ("a.xlsx", b"", "is not an Excel workbook"),
        ("a.parquet", b"PAR1", "is not a Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(name, data, message, tmp_path):
    (tmp_path / name).write_bytes(data)
    assert message in score("--input", tmp_path / name, status=1).stderr
    assert "no file" in score("--input", tmp_path / "b.csv", status=1).stderr


def test_a_classifier_survives_pickling_for_a_process_that_shares_no_memory(model):
    copy = pickle.loads(pickle.dumps(Classifier(model)))
    texts = ["a good film", "a bad heart"]
    assert predict(copy, LabelRule(), texts) == predict(Classifier(model), LabelRule(), texts)


# From here on: real processes, and enough rows for several chunks.


def write_many_rows(path, rows=40_000):
    """Write a CSV or JSONL file of `rows` short texts; return its path."""
    words = ["a", "good", "film", "with", "a", "bad", "heart", "and", "none"]
    with path.open("w", encoding="utf-8", newline="") as file:
        for n in range(rows):
            text = " ".join(words[n % 5 :] * (1 + n % 7))
            row = f'{n},"{text}, ""caf\u00e9""\n{n}"\r\n' if path.suffix == ".csv" else None
            row = row or json.dumps({"n": n, "text": text}) + "\n"
            file.write(("id,text\r\n" if not n and path.suffix == ".csv" else "") + row)
    return path


def start(source, target, *more):
    """Start a job that records its progress after each chunk, so that it can be stopped midway."""
    code = (
        "from sentiment.inference import partial_file; partial_file._SAVE_INTERVAL = 0;"
        "from sentiment.cli import main; main()"
    )
    words = [
        sys.executable,
        "-c",
        code,
        "predict",
        "--input",
        str(source),
        "--output",
        str(target),
        *more,
    ]
    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )


def stop_midway(process, target, number):
    record = target.with_name(f".{target.name}.part.json")
    while process.poll() is None and not record.exists():
        time.sleep(0.005)
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode in (-number, 130), err
    assert record.exists() and not target.exists()
    return record, err


@pytest.mark.parametrize("kind", [".csv", ".jsonl"])
def test_a_job_that_was_killed_resumes_with_the_same_result(tmp_path, kind):
    source = write_many_rows(tmp_path / f"in{kind}")
    whole, target = tmp_path / f"whole{kind}", tmp_path / f"out{kind}"
    assert start(source, whole).communicate()[1].splitlines()[-1].startswith("40,000 rows")
    record, _ = stop_midway(start(source, target), target, signal.SIGKILL)
    part = target.with_name(f".{target.name}.part")
    with part.open("ab") as file:
        file.write(whole.read_bytes())  # bytes that the record does not call valid
    rows_before = json.loads(record.read_text())["state"]["tally"]["rows"]
    assert 0 < rows_before < 40_000
    process = start(source, target, "--resume")
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 0, err
    assert "40,000 rows written" in err
    assert target.read_bytes() == whole.read_bytes()
    assert not record.exists() and not part.exists()


def test_resuming_is_refused_if_the_job_has_changed(home, tmp_path, monkeypatch):
    source, target = write_many_rows(tmp_path / "in.csv"), tmp_path / "out.csv"
    record, err = stop_midway(start(source, target), target, signal.SIGINT)
    assert "Try: the same command with --resume" in err and "Interrupted." in err
    words = ["--input", source, "--output", target, "--resume"]
    other = tiny_bundle(tmp_path / "other", seed=3).folder
    for more, part in (
        (["--threshold", "0.6"], "a setting has changed"),
        (["--on-error", "skip"], "a setting has changed"),
        (["--model", other], "the model has changed"),
    ):
        message = score(*words, *more, status=1).stderr
        assert f"cannot resume {target}: {part}." in message
        assert "Try: the same command without --resume" in message
    with monkeypatch.context() as patch:
        patch.setattr(scoring, "__version__", "0.0.1")
        assert "the version of this program has changed" in score(*words, status=1).stderr
    status = source.stat()
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert "the input file has changed" in score(*words, status=1).stderr
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    target.with_name(".out.csv.part").write_bytes(b"")
    assert "has lost its end" in score(*words, status=1).stderr
    assert record.exists() and not target.exists()


def test_two_jobs_do_not_write_one_file_at_the_same_time(home, tmp_path):
    source, target = write_many_rows(tmp_path / "in.csv"), tmp_path / "out.csv"
    whole = tmp_path / "whole.csv"
    assert start(source, whole).wait() == 0
    first = start(source, target)
    part = target.with_name(".out.csv.part")
    while not part.exists():
        assert first.poll() is None
    message = score("--input", source, "--output", target, status=1).stderr
    assert f"process {first.pid} is already writing {target}" in message
    assert f"kill {first.pid}" in message
    assert first.wait() == 0
    assert target.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.glob(".out*")) == []


def test_memory_does_not_grow_with_the_file(tmp_path):
    code = (
        "import resource, sys; from sentiment.cli import main\n"
        "try: main()\n"
        "finally: print(max(resource.getrusage(who).ru_maxrss for who in"
        " (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))"
    )
    peaks = []
    for rows in (10_000, 80_000):
        source = write_many_rows(tmp_path / f"{rows}.csv", rows)
        words = ["predict", "--quiet", "--input", source, "--output", tmp_path / "out.csv"]
        ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        peaks.append(int(ended.stdout))
    assert peaks[1] < 1.2 * peaks[0]


@contextmanager
def file_size_limit(size):
    """Let no file grow beyond `size` bytes, like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing_of_a_job_that_cannot_resume(tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    write_many_rows(source, rows=3000)
    with file_size_limit(10_000):
        message = score("--input", source, "--output", target, status=1).stderr
    assert f"can't write {target}" in message and f"Try: df -h {tmp_path}" in message
    assert [path.name for path in tmp_path.glob("*")] == ["in.csv"]
    assert not list(tmp_path.glob(".*.part*"))


def test_a_full_disk_leaves_a_job_that_can_resume(tmp_path, monkeypatch):
    monkeypatch.setattr(partial_file, "_SAVE_INTERVAL", 0)  # saved after each chunk
    source, target, whole = (tmp_path / f"{name}.csv" for name in ("in", "out", "whole"))
    write_many_rows(source, rows=30_000)
    score("--input", source, "--output", whole)
    with file_size_limit(whole.stat().st_size * 3 // 4):
        message = score("--input", source, "--output", target, status=1).stderr
    assert "Try: the same command with --resume\n" in message and not target.exists()
    score("--input", source, "--output", target, "--resume")
    assert target.read_bytes() == whole.read_bytes()


def test_a_full_disk_leaves_no_parquet(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    texts = [f"a good film {number}" for number in range(5000)]
    parquet.write_table(arrow.table({"text": texts}), source)
    with file_size_limit(5000):
        message = score("--input", source, "--output", target, status=1).stderr
    assert f"can't write {target}" in message
    assert not target.exists() and not list(tmp_path.glob(".*.part*"))


def test_damage_inside_a_parquet_file_is_reported_with_the_row(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    source = tmp_path / "in.parquet"
    texts = [f"a good film {number}" for number in range(5000)]
    parquet.write_table(arrow.table({"text": texts}), source)
    data = bytearray(source.read_bytes())
    data[4:400] = b"\xff" * 396  # its index, at the end, is whole
    source.write_bytes(data)
    message = score("--input", source, "--output", tmp_path / "out.parquet", status=1).stderr
    assert f"{source}, after row 0" in message


def test_texts_and_a_file_are_a_usage_error(tmp_path):
    (tmp_path / "in.csv").write_text("text\ngood\n")
    score("--input", tmp_path / "in.csv", "a film", status=2)


# Files of other people.


def test_every_row_of_a_file_with_stray_quotes_is_scored(tmp_path):
    source = tmp_path / "in.tsv"
    source.write_text(
        'text\tn\na witty film\t1\n" stupid jokes\t0\nlovely\t1\nflat\t0\na moving ending "\t1\n'
    )
    lines = score("--input", source).stdout.splitlines()
    assert len(lines) == 6
    assert [line.rsplit("\t", 2)[0] for line in lines[1:]] == source.read_text().splitlines()[1:]


def test_one_unclosed_quote_costs_one_line_however_much_follows(tmp_path, monkeypatch):
    from sentiment.data import delimited

    monkeypatch.setattr(delimited, "MAX_SPAN", 20_000)
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    lines = [f"{n},good film" for n in range(5000)]
    lines[100] = '100,"unclosed'
    source.write_text("id,text\n\n" + "\n".join(lines) + "\n")
    result = score("--input", source, "--output", target, "--on-error", "skip")
    assert f"{source}, line 103: a quote opens a cell and nothing closes it" in result.stderr
    assert "1 bad line left out" in result.stderr and "1 blank line left out" in result.stderr
    assert len(target.read_text().splitlines()) == 5000


def test_a_cell_that_looks_like_swallowed_rows_is_said(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text('id,text\n1,"good\n2,bad\n3,good\n4,film"\n')
    message = score("--input", source).stderr
    assert f"warning: {source}, lines 2 to 5: a quoted cell goes over 4 lines" in message


@pytest.mark.parametrize(
    "suffix", [".xz", *(pytest.param(end, marks=pytest.mark.slow) for end in (".gz", ".bz2"))]
)
def test_compressed_files_are_read_and_written_and_a_killed_job_resumes(tmp_path, suffix):
    plain = write_many_rows(tmp_path / "in.csv")
    assert start(plain, tmp_path / "whole.csv").wait() == 0
    source, target = tmp_path / f"in.csv{suffix}", tmp_path / f"out.csv{suffix}"
    source.write_bytes(COMPRESSORS[suffix]()(plain.read_bytes()))
    stop_midway(start(source, target), target, signal.SIGKILL)
    process = start(source, target, "--resume")
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 0, err
    with target.open("rb") as file:
        stream = TextStream(file)
        written = b"".join(iter(lambda: stream.read(1 << 20), b""))
    assert written == (tmp_path / "whole.csv").read_bytes()


def test_a_table_from_a_pipe_is_scored(tmp_path):
    data = "id;text\n1;a good film\n2;a bad heart\n"
    words = [*COMMAND, "--quiet", "--input", "-", "--format", "csv"]
    piped = subprocess.run(words, input=data, capture_output=True, text=True, check=True)
    source = tmp_path / "in.csv"
    source.write_text(data)
    assert piped.stdout == score("--input", source).stdout
    assert piped.stdout.startswith("id;text;label;probability\n1;a good film;")
    assert "--input - needs --format" in score("--input", "-", status=2).stderr


def test_a_file_without_a_header_gets_none(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("0,a good film\n4,a bad heart\n")
    lines = score("--input", source, "--no-header", "--text-column", "2").stdout.splitlines()
    assert [line.rsplit(",", 2)[0] for line in lines] == ["0,a good film", "4,a bad heart"]


def test_another_encoding_is_written_as_utf8_and_that_is_said(tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes("text\na good café\n".encode("cp1252"))
    message = score("--input", source, status=1).stderr
    assert "not UTF-8 text" in message and "--encoding cp1252" in message and "iconv" in message
    result = score("--input", source, "--encoding", "cp1252", "--output", target)
    assert f"1 row written to {target} in UTF-8, from cp1252" in result.stderr
    assert target.read_text("utf-8").splitlines()[1].startswith("a good café,")


def test_the_only_column_with_a_usual_name_is_scored_and_named(tmp_path):
    source = tmp_path / "a.csv"
    source.write_text("id,Review\n7,a good film\n")
    result = score("--input", source)
    assert "text column: Review" in result.stderr
    assert result.stdout == score("--input", source, "--text-column", "Review").stdout
    source = tmp_path / "a.jsonl"
    source.write_text('{"id": 7, "review": "a good film"}\n')
    assert "text column: review" in score("--input", source).stderr


def test_a_folder_is_scored_into_one_file(tmp_path):
    folder, target = tmp_path / "in", tmp_path / "out.csv"
    folder.mkdir()
    (folder / "0.csv").write_text("text\na good film\n")
    (folder / "1.csv").write_text("text\n...\na bad heart\n")
    message = score("--input", folder, status=1).stderr
    assert f"{folder}/1.csv, line 2: the text holds no word" in message
    score("--input", folder, "--output", target, "--on-error", "skip")
    assert [line.split(",")[0] for line in target.read_text().splitlines()] == [
        "text", "a good film", "a bad heart",
    ]  # fmt: skip
    message = score("--input", folder, "--output", target, "--resume", status=2).stderr
    assert "--resume does not work with" in message


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_chunk_that_waits_holds_no_column_that_is_not_written(model, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_text(
        "text,label,x\ngood,1,y\n"
        if suffix == "csv"
        else '{"text": "good", "label": 1, "x": "y"}\n'
    )
    with ExitStack() as stack:
        reader = formats.open_reader(path, ReadOptions(), stack)
        job = scoring.ScoringJob(model, reader, scoring.ScoringOptions("text"), path)
        ((chunk, texts),) = job._chunks()
    assert texts == ["good"] and [row.fields for row in chunk.rows] == [{"text": "good"}]
