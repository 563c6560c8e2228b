"""Reviews are cut into sentences."""

import pytest

from sentiment.data.sentences import cut_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It was good. I liked it!", ["It was good.", "I liked it!"]),
        ("It was good.I liked it", ["It was good", "I liked it"]),  # a forgotten space
        ("So it ends.<br /><br />A fine film", ["So it ends.", "A fine film"]),
        ("one two three\nfour five six", ["one two three", "four five six"]),
        ("Never. Ever again, I say. No.", ["Ever again, I say."]),  # too short
        ("word " * 40 + "more", []),  # too long
        (
            'He said "not at all." She left the room.',
            ['He said "not at all.', "She left the room."],
        ),
        ("", []),
    ],
)
def test_sentences_of_3_to_40_words_are_kept(text, sentences):
    assert cut_sentences(text) == sentences
