import assert from "node:assert/strict";
import { test } from "node:test";
import { Vocabulary } from "../../sentiment/reports/static/model/vocabulary.js";

// Ids: not 2, good 3, but 4, film 5; V = 6. The keys of "not good", of "not" + "good" negated and of
// "not good film"; n-grams have the ids 6, 7 and 8 in the order of their keys.
const KEYS = Float64Array.of(1 * 6 + 3, 2 * 6 + 3, (2 * 6 + 3) * 6 + 5);

function features(tokens, settings = {}) {
  const vocabulary = new Vocabulary({
    words: ["not", "good", "but", "film"],
    keys: KEYS,
    negators: ["not"],
    ends: ["but"],
    settings: { ngrams: 3, negation: true, repeats: true, ...settings },
  });
  const { features: found, width } = vocabulary.features(tokens);
  return Array.from({ length: tokens.length }, (_, step) => [
    ...found.slice(step * width, (step + 1) * width),
  ]);
}

test("each token has its word, its n-grams and its negated word", () => {
  assert.deepEqual(features(["not", "good", "film"]), [
    [2, 0, 0, 0],
    [3, 7, 0, 6],
    [5, 0, 8, 0],
  ]);
});

test("an unknown word is in no n-gram, and `but` ends the reach of a negator", () => {
  assert.deepEqual(features(["not", "xyzzy", "good"]), [
    [2, 0, 0, 0],
    [1, 0, 0, 0],
    [3, 0, 0, 6],
  ]);
  assert.deepEqual(features(["not", "but", "good"])[2], [3, 0, 0, 0]);
});

test("a negator reaches five words", () => {
  const film = Array(4).fill("film");
  assert.equal(features(["not", ...film, "good"])[5][3], 6);
  assert.equal(features(["not", ...film, "film", "good"])[6][3], 0);
});

test("without repeats a second occurrence is unknown", () => {
  const found = features(["not", "good", "not", "good"], { repeats: false });
  assert.deepEqual(found[3], [1, 0, 0, 0]);
});

test("without n-grams and negation a token has its word alone", () => {
  assert.deepEqual(features(["not", "good"], { ngrams: 1, negation: false }), [[2], [3]]);
});
