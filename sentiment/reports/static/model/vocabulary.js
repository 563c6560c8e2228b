// Maps tokens and n-grams to rows of the table of vectors, as sentiment/data/tokenizer.py does.
const PADDING = 0;
export const UNKNOWN = 1;
const FIRST_WORD = 2;
const REACH = 5; // words that a negator applies to

export class Vocabulary {
  // words: in order of their ids; keys: ascending numbers of the n-grams; negators, ends: those
  // words that negate what follows, and that end this; settings: the model's.
  constructor({ words, keys, negators, ends, settings }) {
    this.words = words;
    this.settings = settings;
    this.size = words.length + FIRST_WORD;
    this.ids = new Map(words.map((word, index) => [word, index + FIRST_WORD]));
    this.ngrams = new NumberTable(keys);
    this.negators = new Set(negators);
    this.ends = new Set(ends);
  }

  id(token) {
    return this.ids.get(token) ?? UNKNOWN;
  }

  isNegator(token) {
    return this.negators.has(token);
  }

  // The ids of the vectors that each token adds up: `width` numbers a token, 0 for none.
  features(tokens) {
    const { ngrams: order, negation, repeats } = this.settings;
    const ids = tokens.map((token) => this.id(token));
    const width = order + (negation ? 1 : 0);
    const features = new Int32Array(ids.length * width);
    ids.forEach((id, step) => {
      features[step * width] = id;
      let key = id;
      let base = 1;
      for (let back = 1; back < order && step - back >= 0; back++) {
        base *= this.size;
        key += ids[step - back] * base;
        if (id < FIRST_WORD || ids[step - back] < FIRST_WORD) break;
        features[step * width + back] = this.row(key);
      }
    });
    if (negation) this.addNegated(tokens, ids, features, width);
    if (!repeats) removeRepeats(features, width);
    return { features, width };
  }

  row(key) {
    const index = this.ngrams.find(key);
    return index < 0 ? PADDING : this.size + index;
  }

  addNegated(tokens, ids, features, width) {
    let negator = -REACH - 1;
    ids.forEach((id, step) => {
      const token = id < FIRST_WORD ? "" : tokens[step];
      if (this.ends.has(token)) negator = -REACH - 1;
      const negates = token !== "" && this.isNegator(token);
      if (step - negator <= REACH && !negates && id >= FIRST_WORD) {
        features[(step + 1) * width - 1] = this.row(UNKNOWN * this.size + id);
      }
      if (negates) negator = step;
    });
  }
}

// A word that comes again is unknown from then on, and so is any other feature.
function removeRepeats(features, width) {
  for (let column = 0; column < width; column++) {
    const replacement = column === 0 ? UNKNOWN : PADDING;
    const seen = new Set();
    for (let place = column; place < features.length; place += width) {
      if (seen.has(features[place])) features[place] = replacement;
      else if (features[place] > replacement) seen.add(features[place]);
    }
  }
}

// Finds numbers among many, by their remainders.
class NumberTable {
  constructor(numbers) {
    this.numbers = numbers;
    this.slots = 2 ** Math.ceil(Math.log2(2 * numbers.length + 2)) - 1; // odd, so remainders differ
    this.indices = new Int32Array(this.slots).fill(-1);
    numbers.forEach((number, index) => {
      this.indices[this.slot(number)] = index;
    });
  }

  // The index of `number`, or -1.
  find(number) {
    return this.indices[this.slot(number)];
  }

  // The slot that has `number`, or the empty one where it would be.
  slot(number) {
    let slot = number % this.slots;
    while (this.indices[slot] >= 0 && this.numbers[this.indices[slot]] !== number) {
      slot = slot + 1 === this.slots ? 0 : slot + 1;
    }
    return slot;
  }
}
