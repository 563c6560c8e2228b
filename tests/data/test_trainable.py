"""Texts and labels that a classifier can't learn from are refused before training."""

import numpy as np
import pytest

from sentiment.config import PrepareSettings
from sentiment.data import trainable
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.prepare import prepare
from sentiment.errors import InputError
from sentiment.utils.paths import ProjectPaths


def refusal(labels, groups=None):
    groups = np.arange(len(labels)) if groups is None else np.array(groups)
    with pytest.raises(InputError) as caught:
        trainable.check_labels(np.array(labels, np.int8), groups)
    return caught.value.fact


def test_one_label_is_refused():
    both = "a classifier needs both labels"
    assert refusal([1] * 40) == f"all 40 training texts are positive: {both}"
    assert refusal([0] * 5) == f"all 5 training texts are negative: {both}"


def test_too_few_texts_of_a_label_are_refused():
    needed = (
        "training needs at least 2 different texts of each label, one to learn from and one to "
        "validate on"
    )
    assert refusal([1, 1, 0, 1]) == f"there are 4 training texts, 1 of them negative: {needed}"
    assert refusal([0, 1, 0]) == f"there are 3 training texts, 1 of them positive: {needed}"
    assert refusal([]) == f"there are 0 training texts, 0 of them negative: {needed}"
    equal = refusal([1, 1, 0, 0], [0, 0, 1, 2])
    assert equal == f"the 2 positive training texts are all equal: {needed}"


def test_two_different_texts_of_each_label_are_enough():
    trainable.check_labels(np.array([1, 0, 1, 0], np.int8), np.arange(4))


def test_reviews_with_the_same_words_are_one_group():
    encoded = EncodedTexts(np.array([5, 6, 5, 6, 6, 5], np.int32), np.array([0, 2, 4, 4, 6, 6]))
    assert trainable.group_reviews(encoded).tolist() == [0, 0, 1, 2, 1]


# Each with as many blanks as people write, and then with its words divided.
CHINESE = "这部电影非常好看，演员的表演也很精彩。我和家人都很喜欢，强烈推荐给大家。"
JAPANESE = "この映画はとても面白かったです。俳優の演技も素晴らしく、最後まで楽しめました。"
THAI = "หนังเรื่องนี้สนุกมากและนักแสดงก็แสดงได้ดี ฉันชอบเพลงประกอบของหนังเรื่องนี้มากที่สุด"
SEGMENTED = [
    "这部 电影 非常 好看 ， 演员 的 表演 也 很 精彩 。 我 和 家人 都 很 喜欢 。",
    "この 映画 は とても 面白かった です 。 俳優 の 演技 も 素晴らしく 、 最後 まで 。",
    "หนัง เรื่อง นี้ สนุก มาก และ นักแสดง ก็ แสดง ได้ ดี ฉัน ชอบ เพลง ประกอบ ของ หนัง",
    "หนัง\u200bเรื่อง\u200bนี้\u200bสนุก\u200bมาก\u200bและ\u200bนักแสดง\u200bก็\u200bแสดง",
]
SPACED = [
    "이 영화는 정말 재미있었고 배우들의 연기도 훌륭했습니다.",
    "Этот фильм достопримечательность кинематографа.",
    "Donaudampfschifffahrtsgesellschaftskapitän Rindfleischetikettierungsüberwachungsgesetz",
    "The film 千と千尋の神隠し is a masterpiece of animation.",
    "!!! 10/10",
    "",
]


@pytest.mark.parametrize("text", [CHINESE, JAPANESE, THAI])
def test_a_writing_without_spaces_is_refused(text):
    with pytest.raises(InputError, match="in a writing without spaces") as caught:
        trainable.check_spaces([text, "A fine film."])
    assert "segment the texts first" in caught.value.hint


@pytest.mark.parametrize("text", SEGMENTED + SPACED)
def test_words_that_are_divided_by_blanks_are_accepted(text):
    trainable.check_spaces([text])


def test_a_few_texts_of_another_writing_do_no_harm():
    trainable.check_spaces([CHINESE] + ["This is an ordinary review of a film."] * 9)
    trainable.check_spaces([])


def test_texts_are_looked_at_from_beginning_to_end():
    # Of 5,000 texts a thousand are read, and most of them come after the first thousand.
    texts = ["A fine film."] * 1000 + [CHINESE] * 4000
    with pytest.raises(InputError, match="in a writing without spaces"):
        trainable.check_spaces(texts)


def test_preparing_refuses_a_writing_without_spaces(tmp_path):
    file = tmp_path / "japanese.csv"
    rows = [f"{number}{JAPANESE},{number % 2}" for number in range(40)]
    file.write_text("text,label\n" + "\n".join(rows), "utf-8")
    with pytest.raises(InputError, match="in a writing without spaces"):
        prepare(PrepareSettings(dataset=str(file)), ProjectPaths(tmp_path))


def test_the_sample_is_trainable(sample):
    trainable.check_dataset(sample)
