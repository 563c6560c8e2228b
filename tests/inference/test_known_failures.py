"""The help of `predict` says what the bundled model is known to get wrong."""

import csv
import subprocess
import sys
from pathlib import Path

from sentiment.inference.known_failures import read_known_failures
from sentiment.inference.resolve import PRETRAINED

PAIRS = Path(__file__).parents[1] / "data" / "sentences.csv"


def test_the_card_has_a_share_for_every_kind_of_pair_the_worst_first():
    kinds = {row["kind"] for row in csv.DictReader(PAIRS.open(encoding="utf-8"))}
    found = read_known_failures(PRETRAINED)
    assert {kind for kind, _ in found} == kinds
    shares = [int(share.removesuffix(" %")) for _, share in found]
    assert shares == sorted(shares)


def test_a_model_without_a_card_has_none(tmp_path):
    assert read_known_failures(tmp_path) == []


def test_the_help_of_predict_names_them():
    command = [sys.executable, "-m", "sentiment", "predict", "--help"]
    shown = " ".join(subprocess.run(command, capture_output=True, text=True).stdout.split())
    kind, share = read_known_failures(PRETRAINED)[0]
    assert f"verdict: {kind} {share}" in shown
