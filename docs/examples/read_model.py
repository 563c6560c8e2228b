"""Classify texts with a model in plain Python: no package but the standard library.

python read_model.py MODEL "An unforgettable film."

MODEL is the folder of a SimpleRNN model. docs/model-format.md explains each step.
"""

import ast
import json
import math
import struct
import sys
import zipfile
from pathlib import Path

from token_rules_2 import tokenize

NEGATORS = """
not never no nothing nobody none hardly barely cannot without neither nor aint arent cant couldnt
didnt doesnt dont havent hasnt isnt shouldnt wasnt werent wont wouldnt
"""


def read_npy(data):
    """Return the shape and the numbers, row by row, of an array in NumPy's format."""
    start = 10 + int.from_bytes(data[8:10], "little")
    header = ast.literal_eval(data[10:start].decode("ascii"))
    code = {"<f2": "e", "<f4": "f", "<i8": "q"}[header["descr"]]
    return header["shape"], struct.unpack(f"<{math.prod(header['shape'])}{code}", data[start:])


def feature_ids(tokens, words, ngrams, model):
    """Return the ids of each token: of its word, its n-grams and its negated form."""
    ids = [words.get(token, 1) for token in tokens]
    base, rows, left = len(words) + 2, [], 0
    for n, (token, word) in enumerate(zip(tokens, ids, strict=True)):
        row = [word]
        for order in range(2, model["ngrams"] + 1):
            parts, key = ids[max(0, n + 1 - order) : n + 1], 0
            for part in parts:
                key = key * base + part
            row.append(ngrams.get(key, 0) if len(parts) == order and 1 not in parts else 0)
        negates = word > 1 and (token in NEGATORS.split() or token.endswith("n't"))
        left = 0 if word > 1 and token in ("!", "?", "but") else left
        if model["negation"]:
            row.append(ngrams.get(base + word, 0) if left > 0 and word > 1 and not negates else 0)
        left = 5 if negates else left - 1
        rows.append(row)
    if not model["repeats"]:
        seen = [set() for _ in range(model["ngrams"] + model["negation"])]
        for row in rows:
            for column, number in enumerate(row):
                row[column] = int(column == 0) if number in seen[column] else number
                seen[column].add(number)
    return rows


def dot(one, other):
    """Return the sum of products."""
    return sum(map(float.__mul__, one, other))


def recur(inputs, weights, name):
    """Return the state after each of the inputs."""
    kernel, recurrent, bias = (
        weights[f"{name}.{part}"][1] for part in ("kernel", "recurrent_kernel", "bias")
    )
    size, states = len(bias), [[0.0] * len(bias)]
    for x in inputs:
        states.append(
            [
                math.tanh(dot(x, kernel[u::size]) + dot(states[-1], recurrent[u::size]) + bias[u])
                for u in range(size)
            ]
        )
    return states[1:]


def probability(folder, text):
    """Return P(positive) of a text."""
    manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
    model = manifest["settings"]["model"]
    if (manifest["format"], manifest.get("rules"), model["cell"]) != (2, 2, "simple_rnn"):
        sys.exit(f"{folder} is no SimpleRNN model of format 2 with the token rules 2")
    lines = (folder / "words.txt").read_text("utf-8").split("\n")[:-1]
    words = {word: number for number, word in enumerate(lines, 2)}
    keys = read_npy((folder / "ngrams.npy").read_bytes())[1]
    ngrams = {key: number for number, key in enumerate(keys, len(words) + 2)}
    (_, size), table = read_npy((folder / "embedding.npy").read_bytes())
    with zipfile.ZipFile(folder / "weights.npz") as file:
        weights = {name[:-4]: read_npy(file.read(name)) for name in file.namelist()}

    tokens = tokenize(text)[-model["longest_review"] :]
    if not tokens:
        sys.exit(f"no word in {text!r}")
    rows = feature_ids(tokens, words, ngrams, model)
    flow = [[sum(table[n * size + e] for n in row) for e in range(size)] for row in rows]
    for layer in range(1, model["layers"] + 1):
        ways = [recur(flow, weights, f"rnn_{layer}.forward")]
        if model["bidirectional"]:
            ways.append(recur(flow[::-1], weights, f"rnn_{layer}.backward")[::-1])
        flow = [[number for state in step for number in state] for step in zip(*ways, strict=True)]
    units = list(zip(*flow, strict=True))
    if model["readout"] == "last":
        state = ways[0][-1] + (ways[1][0] if model["bidirectional"] else [])
    elif model["readout"] == "mean":
        state = [sum(unit) / len(unit) for unit in units]
    else:
        state = [max(unit) for unit in units]
    logit = dot(state, weights["classifier.kernel"][1]) + weights["classifier.bias"][1][0]
    return 1 / (1 + math.exp(-logit / manifest["temperature"]))


if __name__ == "__main__":
    for each in sys.argv[2:]:
        print(f"{probability(Path(sys.argv[1]), each):.8f}")
