"""Keys are found where they are, whether they share slots or not, and no others are."""

import numpy as np
import pytest

from sentiment.data import key_table
from sentiment.data.key_table import KeyTable


def found(table, keys):
    places, indices = table.find(np.array(keys, np.int64))
    return dict(zip(places.tolist(), indices.tolist(), strict=True))


@pytest.mark.parametrize("few", [0, 1 << 30])
def test_all_known_keys_are_found_and_no_others(few, monkeypatch):
    monkeypatch.setattr(key_table, "_FEW", few)
    random = np.random.default_rng(0)
    known = np.unique(random.integers(0, 1 << 60, 30_000))
    keys = np.concatenate([known, known + 1, random.integers(0, 1 << 60, 1000)])
    random.shuffle(keys)
    index = {key: number for number, key in enumerate(known.tolist())}
    expected = {place: index[key] for place, key in enumerate(keys.tolist()) if key in index}
    assert found(KeyTable(known), keys) == expected


@pytest.mark.parametrize("few", [0, 1 << 30])
@pytest.mark.parametrize("known", [[], [7], [7, 9]])
def test_small_tables(few, known, monkeypatch):
    monkeypatch.setattr(key_table, "_FEW", few)
    table = KeyTable(np.array(known, np.int64))
    assert found(table, [9, 7, 8, 1 << 62]) == {
        place: known.index(key) for place, key in enumerate([9, 7]) if key in known
    }
    assert found(table, []) == {}


def test_keys_that_share_their_slots_in_all_tables_are_found(monkeypatch):
    monkeypatch.setattr(key_table, "_FEW", 0)
    # The slot is the first bits of the product with an odd factor: keys that differ by multiples of
    # 2^60 alone share most of them. With a factor of 1 all keys below 2^40 have slot 0.
    monkeypatch.setattr(key_table, "_FACTOR", 1)
    table = KeyTable(np.arange(0, 100, 2))
    assert found(table, range(100)) == {key: key // 2 for key in range(0, 100, 2)}
    assert len(table._levels) == key_table._LEVELS
