// A trained model: texts in, probabilities, hidden states and the effects of words out.
import { Network, sigmoid } from "./network.js";
import { TokenRules } from "./token_rules.js";
import { UNKNOWN, Vocabulary } from "./vocabulary.js";

const MIN_PUSH = Math.log(1.5); // log-odds of a word that carries a verdict
const STEP = 2 ** -8; // of a difference quotient

export class Model {
  // facts: numbers and names; arrays: typed arrays by name, see reports/packed_model.py.
  constructor(facts, arrays) {
    this.facts = facts;
    this.settings = facts.settings;
    this.rules = new TokenRules(facts.rules, facts);
    this.vocabulary = new Vocabulary({ ...facts, keys: arrays.ngrams });
    this.table = arrays.embedding;
    this.network = new Network(arrays, facts.settings, facts.temperature);
    this.push = this.measurePush();
  }

  // The tokens that the network reads, and how many there were before the text was cut.
  encode(text) {
    const tokens = this.rules.tokenize(text);
    return { tokens: tokens.slice(-this.settings.longest_review), count: tokens.length };
  }

  isKnown(token) {
    return this.vocabulary.id(token) !== UNKNOWN;
  }

  // The sum of the vectors of each token, T × E.
  inputs(tokens) {
    const size = this.settings.embedding;
    const { features, width } = this.vocabulary.features(tokens);
    const inputs = new Float64Array(tokens.length * size);
    for (let place = 0; place < features.length; place++) {
      const row = features[place] * size;
      const start = Math.floor(place / width) * size;
      if (row === 0) continue; // padding, a vector of zeros
      for (let index = 0; index < size; index++) inputs[start + index] += this.table[row + index];
    }
    return inputs;
  }

  // P(positive), log-odds, evidence and warnings of a text.
  predict(text) {
    const { tokens, count } = this.encode(text);
    const inputs = this.inputs(tokens);
    const logit = this.network.logit(this.network.run(inputs, tokens.length).final);
    const evidence = this.evidence(tokens, inputs, logit);
    const warnings = this.warnings(text, tokens, count, evidence);
    return { probability: sigmoid(logit), logit, evidence, warnings, count };
  }

  // The log-odds of tokens.
  logit(tokens) {
    return this.network.logit(this.network.run(this.inputs(tokens), tokens.length).final);
  }

  // The states of the last layer at each word, T × S.
  states(tokens) {
    return this.network.run(this.inputs(tokens), tokens.length).states;
  }

  // Yields the log-odds after each word from `first` on.
  logitsAfterEach(tokens, first = 0) {
    return this.network.logitsAfterEach(this.inputs(tokens), tokens.length, first);
  }

  // Yields the log-odds without the first token, without the second and so on.
  *withoutEach(tokens) {
    for (let index = 0; index < tokens.length; index++)
      yield this.logit(tokens.toSpliced(index, 1));
  }

  // How many different known words carry the verdict, as sentiment/inference/evidence.py counts.
  evidence(tokens, inputs, logit) {
    const size = this.push.length;
    const carriers = tokens.filter((token, step) => {
      let push = 0;
      for (let index = 0; index < size; index++) {
        push += inputs[step * size + index] * this.push[index];
      }
      return this.isKnown(token) && Math.abs(push) >= MIN_PUSH && push > 0 === logit >= 0;
    });
    return new Set(carriers).size;
  }

  // The change of the log-odds by each number of the vector of a word that stands alone.
  measurePush() {
    const size = this.settings.embedding;
    return Array.from({ length: size }, (_, index) => {
      const [up, down] = [STEP, -STEP].map((step) => {
        const input = new Float64Array(size);
        input[index] = step;
        return this.network.logit(this.network.run(input, 1).final);
      });
      return (up - down) / (2 * STEP);
    });
  }

  // Names of the warnings about a text, as sentiment/inference/predict.py gives them.
  warnings(text, tokens, count, evidence) {
    const warnings = count > tokens.length ? ["cut"] : [];
    const all = count > tokens.length ? this.rules.tokenize(text) : tokens;
    const unknown = all.filter((token) => !this.isKnown(token)).length / Math.max(1, count);
    if (unknown > 0.5) {
      warnings.push(unknown === 1 ? "no-known-word" : "unknown-words");
      const letters = text.match(this.rules.letters)?.length ?? 0;
      const latin = text.match(/[A-Za-z\u00aa-\u024f\u1e00-\u1eff]/gu)?.length ?? 0;
      if (letters > 2 * latin) warnings.push("other-script");
    }
    if (evidence === 0 && unknown < 1) warnings.push("no-evidence");
    return warnings;
  }

  // The label of a probability: the band's ends count as neutral; no known word has no label.
  label({ probability, warnings }, band) {
    if (warnings.includes("no-known-word")) return "unknown";
    const rounded = Math.round(probability * 1e6) / 1e6;
    if (band && band.low <= rounded && rounded <= band.high) return "neutral";
    return rounded >= (band?.high ?? 0.5) ? "positive" : "negative";
  }
}
