// Changes to the words of a text, and what they do to the verdict. The text itself stays.
import { signed, withText } from "./elements.js";
import { sigmoid } from "./network.js";

export class WhatIf {
  constructor(panel) {
    this.panel = panel;
    this.form = panel.find(".what-if");
    this.input = this.form.querySelector("input");
    this.changes = new Map(); // by the index of a word: the words in its place
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.replace(panel.page.model.rules.tokenize(this.input.value));
    });
    for (const button of this.form.querySelectorAll("[data-change]")) {
      button.addEventListener("click", () => this[button.dataset.change]());
    }
  }

  reset() {
    this.changes.clear();
    this.form.hidden = true;
  }

  get tokens() {
    return this.panel.reading.tokens.flatMap((token, index) => this.changes.get(index) ?? [token]);
  }

  out() {
    this.replace([]);
  }

  // "not" before the word, or no negator if one stands there already.
  negate() {
    const { tokens } = this.panel.reading;
    const { chosen } = this.panel;
    if (chosen > 0 && this.panel.page.model.vocabulary.isNegator(tokens[chosen - 1])) {
      this.changes.set(chosen - 1, []);
      this.show();
    } else {
      this.replace(["not", tokens[chosen]]);
    }
  }

  replace(words) {
    if (this.panel.chosen < 0) return;
    this.changes.set(this.panel.chosen, words);
    this.show();
  }

  undo() {
    this.changes.clear();
    this.show();
  }

  keep() {
    this.panel.text = this.tokens.join(" ");
    this.panel.textarea.focus();
  }

  showChosen() {
    const { chosen, reading, effects, page } = this.panel;
    this.form.hidden = chosen < 0 && this.changes.size === 0;
    if (chosen < 0) return;
    const token = reading.tokens[chosen];
    const before = chosen > 0 ? reading.probabilities[chosen - 1].toFixed(3) : "nothing read";
    const parts = [`P(positive) ${before} → ${reading.probabilities[chosen].toFixed(3)}`];
    if (effects[chosen] !== undefined)
      parts.push(`adds ${signed(effects[chosen])} to the log-odds`);
    if (!page.model.isKnown(token)) parts.push("not in the vocabulary");
    this.form.querySelector(".chosen").textContent = `${chosen + 1} ${token}`;
    this.form.querySelector(".chosen-numbers").textContent = parts.join(" · ");
    this.show();
  }

  show() {
    const { reading, page } = this.panel;
    const shown = this.form.querySelector(".changed");
    const result = this.form.querySelector(".change");
    shown.replaceChildren();
    result.textContent = "";
    if (this.changes.size === 0) return;
    reading.tokens.forEach((token, index) => {
      const words = this.changes.get(index);
      if (words === undefined) shown.append(token, " ");
      else shown.append(withText("del", token), " ", withText("ins", words.join(" ")), " ");
    });
    const before = reading.logits[reading.logits.length - 1];
    const after = page.model.logit(this.tokens);
    result.textContent =
      `P(positive) ${sigmoid(before).toFixed(3)} → ${sigmoid(after).toFixed(3)}, ` +
      `log-odds ${signed(after - before)}`;
  }
}
