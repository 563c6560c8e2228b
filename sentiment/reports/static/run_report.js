// The report of a run: what a slider, a choice or a click changes.
class RunReport {
  constructor(plots, data) {
    this.plots = plots;
    this.data = { snapshots: [], sentences: [], units: [], mistakes: [], ...data };
    for (const snapshot of this.data.snapshots) withNumbers(snapshot);
    this.selected = {
      snapshot: this.data.snapshots.length - 1,
      sentence: 0,
      unit: 0,
      mistake: 0,
    };
    this.updates = {
      snapshot: [this.showPath, this.showReading],
      sentence: [this.showPath, this.showReading],
      unit: [this.showUnit],
      mistake: [this.showMistake],
    };
  }

  connect() {
    for (const control of document.querySelectorAll("[data-control]")) {
      control.addEventListener("input", () => {
        this.select(control.dataset.control, Number(control.value));
      });
    }
    for (const row of document.querySelectorAll("tr[data-selects]")) {
      row.addEventListener("click", () => this.select(row.dataset.selects, row.rowIndex - 1));
    }
    this.connectPoints();
    for (const name of Object.keys(this.updates)) {
      if (document.querySelector(`[data-control=${name}]`)) this.select(name, this.selected[name]);
    }
  }

  // A click on the point of a sentence selects the sentence.
  connectPoints() {
    const points = this.model("points");
    if (!points) return;
    points.selected.properties.indices.change.connect(() => {
      const clicked = points.selected.indices;
      const sentence = this.data.sentences.findIndex(({ row }) => row === clicked[0]);
      if (clicked.length === 1 && sentence >= 0) this.select("sentence", sentence);
    });
  }

  select(name, index) {
    this.selected[name] = index;
    for (const control of document.querySelectorAll(`[data-control=${name}]`)) {
      control.value = index;
      const output = control.parentElement.querySelector("output");
      if (output) output.textContent = this.data.snapshots[index].title;
    }
    for (const update of this.updates[name]) update.call(this);
  }

  model(name) {
    return this.plots.get_model_by_name(name);
  }

  snapshot() {
    return this.data.snapshots[this.selected.snapshot];
  }

  sentence() {
    return this.data.sentences[this.selected.sentence];
  }

  // The points of the snapshot, and the path of the sentence between them.
  showPath() {
    const points = this.model("points");
    if (!points) return;
    const { x, y, p, paths } = this.snapshot();
    points.data = { ...points.data, x, y, p };
    const sentence = this.sentence();
    const path = sentence && paths[sentence.id];
    const afterEach = [this.data.start, ...(path?.p ?? [])];
    this.model("path").data = {
      x: [0, ...(path?.x ?? [])],
      y: [0, ...(path?.y ?? [])],
      p: afterEach,
      word: ["start", ...(path ? sentence.words : [])],
      color: afterEach.map((value) => this.solidColor(value - 0.5)),
    };
  }

  // P(positive) after each word of the sentence, in all snapshots; the table of all sentences.
  showReading() {
    const reading = this.model("reading");
    if (!reading) return;
    const { id, words } = this.sentence();
    const numbered = words.map((word, index) => `${index + 1} ${word}`);
    const p = this.snapshot().paths[id]?.p ?? [];
    this.model("reading axis").factors = numbered;
    reading.data = {
      word: numbered,
      p,
      color: p.map((value) => this.solidColor(value - 0.5)),
    };
    const paths = this.data.snapshots.map((snapshot) => snapshot.paths[id]).filter(Boolean);
    this.model("readings of all snapshots").data = {
      words: paths.map(() => numbered),
      ps: paths.map((path) => path.p),
    };
    document.querySelectorAll("#sentences tr[data-selects]").forEach((row, index) => {
      row.classList.toggle("selected", index === this.selected.sentence);
      this.showSentence(row, this.data.sentences[index]);
    });
  }

  showSentence(row, { id, label }) {
    const path = this.snapshot().paths[id];
    if (!path) return;
    row.querySelectorAll("span").forEach((span, index) => {
      span.style.background = this.color(2 * path.p[index] - 1);
      span.title = `P(positive) ${path.p[index].toFixed(3)} after this word`;
    });
    const final = path.p[path.p.length - 1];
    row.querySelector(".final").textContent = final.toFixed(3);
    const isRight = final >= 0.5 === (label === 1);
    const unlabelled = label < 0;
    row.querySelector(".verdict-mark").textContent = unlabelled ? "" : isRight ? "✓" : "✗";
  }

  showUnit() {
    const unit = this.data.units[this.selected.unit];
    if (!unit) return;
    this.showDrives("words", unit.words, unit.weight);
    this.showDrives("ngrams", unit.ngrams, unit.weight);
    const steps = this.data.steps.slice(0, unit.decay.length);
    this.model("decay").data = { steps, effect: unit.decay };
    document.getElementById("unit-facts").textContent = unit.facts;
    document.querySelectorAll("#units tr[data-selects]").forEach((row, index) => {
      row.classList.toggle("selected", index === this.selected.unit);
    });
  }

  // drives: [words, drive] of each bar, from top to bottom.
  showDrives(name, drives, weight) {
    const bars = this.model(name);
    if (!bars) return;
    const names = drives.map(([words]) => words);
    this.model(`${name} axis`).factors = [...names].reverse();
    bars.data = {
      name: names,
      drive: drives.map(([, drive]) => drive),
      color: drives.map(([, drive]) =>
        weight === null ? this.data.colors.neutral : this.solidColor(drive * weight),
      ),
    };
  }

  showMistake() {
    document.querySelectorAll("#mistakes article").forEach((article, index) => {
      article.hidden = index !== this.selected.mistake;
      if (article.hidden) return;
      const element = article.querySelector(".words");
      // Words become elements when they are first shown.
      if (element && !element.childElementCount) {
        this.fillWords(element, this.data.mistakes[index]);
      }
    });
  }

  // effects: in hundredths; p: in thousandths.
  fillWords(element, { words, effects, p }) {
    const largest = Math.max(...effects.map(Math.abs)) || 1;
    words.split(" ").forEach((word, index) => {
      const span = document.createElement("span");
      span.textContent = word;
      span.style.background = this.color(effects[index] / largest);
      const effect = (effects[index] / 100).toFixed(2);
      span.title = `word ${index + 1}: ${effect} · P ${(p[index] / 1000).toFixed(3)} after it`;
      element.append(span, " ");
    });
  }

  // The colour of a strength from -1, for negative, to 1.
  color(strength) {
    const opacity = 0.85 * Math.min(1, Math.abs(strength));
    return `rgb(${this.hue(strength).join(" ")} / ${opacity.toFixed(3)})`;
  }

  solidColor(strength) {
    return `rgb(${this.hue(strength)})`;
  }

  hue(strength) {
    const { positive, negative } = this.data.colors;
    return strength > 0 ? positive : negative;
  }
}

// JSON has null for NaN; a plot would show null at 0.
function withNumbers(snapshot) {
  for (const path of [snapshot, ...Object.values(snapshot.paths)]) {
    for (const name of ["x", "y", "p"]) path[name] = path[name].map((value) => value ?? Number.NaN);
  }
}

document.addEventListener("plots-ready", ({ detail }) => {
  new RunReport(detail.plots, detail.data).connect();
});
