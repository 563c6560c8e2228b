// One text: its verdict, its words, the curve and the heat map, and tables of their numbers.
import { drawReading } from "./drawing.js";
import { countOf, signed, table, withText } from "./elements.js";
import { sigmoid } from "./network.js";
import { Sharing } from "./sharing.js";
import { inSlices } from "./slices.js";
import { WhatIf } from "./what_if.js";

const QUIET = 700; // milliseconds without a key before the verdict is read out

export class TextPanel {
  // page: has the model, the band, the colours and the texts of warnings.
  constructor(page, title) {
    this.page = page;
    this.reading = { tokens: [], logits: [], probabilities: [] };
    this.effects = [];
    this.update = 0;
    this.chosen = -1;
    const template = document.getElementById("panel");
    this.element = template.content.firstElementChild.cloneNode(true);
    this.find("h2").textContent = title;
    this.textarea = this.find("textarea");
    this.textarea.ariaLabel = title;
    for (const region of this.element.querySelectorAll("[role=region]")) {
      region.ariaLabel = `${title}: ${region.ariaLabel}`;
    }
    this.textarea.addEventListener("input", () => this.show());
    this.whatIf = new WhatIf(this);
    new Sharing(this);
    this.find(".words").addEventListener("click", (event) => this.clicked(event));
    this.find(".words").addEventListener("keydown", (event) => this.pressed(event));
    for (const details of this.element.querySelectorAll(".numbers, .units")) {
      details.addEventListener("toggle", () => this.showTables());
    }
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  // A long text is traced a slice at a time.
  get isTraced() {
    return this.reading.probabilities.length === this.reading.tokens.length;
  }

  get text() {
    return this.textarea.value;
  }

  set text(value) {
    this.textarea.value = value;
    this.show();
  }

  // Reads the text; only the words after the first that changed are read one by one again.
  show() {
    const { model } = this.page;
    const { tokens } = model.encode(this.text);
    const before = this.reading;
    let same = 0;
    while (same < before.logits.length && tokens[same] === before.tokens[same]) same++;
    this.reading = {
      tokens,
      states: model.states(tokens),
      network: model.network,
      logits: before.logits.slice(0, same),
      probabilities: [],
    };
    this.prediction = model.predict(this.text);
    this.chosen = -1;
    this.effects = [];
    this.showVerdict();
    this.showWords();
    this.whatIf.reset();
    this.measure();
  }

  // Reads the beginnings of the text, then the text without each word; a later text ends it.
  async measure() {
    this.update++;
    const { model } = this.page;
    const { tokens, logits } = this.reading;
    const add = (numbers) => (number) => {
      numbers.push(number);
      return `word ${numbers.length} of ${tokens.length}`;
    };
    if (!(await this.collect(model.logitsAfterEach(tokens, logits.length), add(logits)))) return;
    this.reading.probabilities = logits.map(sigmoid);
    this.showDrawing();
    this.showTables();
    const whole = logits[logits.length - 1];
    const effect = add(this.effects);
    const isDone = await this.collect(model.withoutEach(tokens), (logit) => effect(whole - logit));
    if (isDone) this.showEffects();
  }

  // Passes numbers on while the text stays; returns whether it did.
  async collect(numbers, take) {
    const { update } = this;
    const progress = this.find(".effects-progress");
    await inSlices(numbers, take, (text) => {
      progress.textContent = text;
      return update === this.update;
    });
    if (update !== this.update) return false;
    progress.textContent = "";
    return true;
  }

  showVerdict() {
    const { probability, evidence, warnings, count } = this.prediction;
    const { model, band, warningTexts } = this.page;
    const isEmpty = count === 0;
    const label = isEmpty ? "no word" : model.label(this.prediction, band);
    const shown = this.find(".label");
    shown.textContent = label;
    shown.dataset.label = label;
    this.find(".probability").textContent = isEmpty ? "–" : probability.toFixed(3);
    this.find(".count").textContent = isEmpty
      ? ""
      : `${countOf(count, "word")}, ${evidence} of them ${evidence === 1 ? "carries" : "carry"} the verdict`;
    this.find(".warnings").replaceChildren(
      ...warnings.map((name) => withText("li", warningTexts[name])),
    );
    this.find(".reading").hidden = isEmpty;
    clearTimeout(this.announcing);
    this.announcing = setTimeout(() => {
      this.find(".announcement").textContent = isEmpty
        ? ""
        : `${label}, P(positive) ${probability.toFixed(2)}`;
    }, QUIET);
  }

  showWords() {
    const { model } = this.page;
    const words = this.reading.tokens.map((token, index) => {
      const button = withText("button", token);
      button.type = "button";
      button.tabIndex = index === 0 ? 0 : -1;
      button.classList.toggle("unknown", !model.isKnown(token));
      button.setAttribute("aria-pressed", "false");
      return button;
    });
    this.find(".words").replaceChildren(...words.flatMap((word) => [word, " "]));
  }

  showDrawing() {
    const { tokens } = this.reading;
    const drawing = tokens.length
      ? [drawReading(this.reading, this.page.colors.unit, this.chosen)]
      : [];
    this.find(".drawing").replaceChildren(...drawing);
    this.find(".note").textContent = this.page.readoutNote;
  }

  showEffects() {
    const largest = Math.max(...this.effects.map(Math.abs), 1e-9);
    this.words().forEach((word, index) => {
      const effect = this.effects[index];
      word.style.background = this.page.evidenceColor(effect / largest);
      word.title = `adds ${signed(effect)} to the log-odds`;
    });
    this.showTables();
    this.whatIf.showChosen();
  }

  words() {
    return [...this.find(".words").children];
  }

  clicked(event) {
    const index = this.words().indexOf(event.target.closest("button"));
    if (index >= 0 && this.isTraced) this.choose(index === this.chosen ? -1 : index);
  }

  // Arrow keys move between words, so that Tab leaves them at once.
  pressed(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const words = this.words();
    const next = words[words.indexOf(document.activeElement) + by];
    if (!by || !next) return;
    event.preventDefault();
    for (const word of words) word.tabIndex = word === next ? 0 : -1;
    next.focus();
  }

  choose(index) {
    this.chosen = index;
    this.words().forEach((word, place) => {
      word.setAttribute("aria-pressed", String(place === index));
    });
    this.showDrawing();
    this.whatIf.showChosen();
  }

  // Tables are filled only while they are open: that of the units may have thousands of numbers.
  showTables() {
    const { tokens, probabilities, states, network } = this.reading;
    if (!this.isTraced) return;
    if (this.find(".numbers").open) {
      const header = ["", "word", "P(positive) after it", "adds to the log-odds"];
      const rows = tokens.map((token, index) => {
        const effect = this.effects[index];
        const known = this.page.model.isKnown(token) ? token : `${token} (unknown)`;
        return [
          index + 1,
          known,
          probabilities[index].toFixed(4),
          effect === undefined ? "" : signed(effect),
        ];
      });
      this.find(".numbers .scroll").replaceChildren(table(header, rows));
    }
    if (this.find(".units").open) {
      const { directions, units, stateSize } = network;
      const names = directions.flatMap((name) =>
        Array.from({ length: units }, (_, unit) => `${name} ${unit + 1}`),
      );
      const rows = names.map((name, unit) => [
        name,
        ...tokens.map((_, step) => states[step * stateSize + unit].toFixed(3)),
      ]);
      this.find(".units .scroll").replaceChildren(table(["unit", ...tokens], rows));
    }
  }
}
