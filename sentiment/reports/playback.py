"""The script of a run's report: what a slider, a choice or a click changes on the page.

Knows JavaScript alone; the names that it gives data to are those of report.py.
"""

SCRIPT = """\
function play(plots, data) {
  const { snapshots, sentences, units } = data;
  const state = { snapshot: snapshots.length - 1, sentence: 0, unit: 0, mistake: 0 };
  // What is no number came as null, which a plot would take for 0.
  for (const snapshot of snapshots) {
    for (const part of [snapshot, ...Object.values(snapshot.walks)]) {
      for (const name of ["x", "y", "p"]) part[name] = part[name].map((value) => value ?? NaN);
    }
  }
  const source = (name) => plots.get_model_by_name(name);
  const hue = (strength) => {
    const [r, g, b] = strength > 0 ? data.positive : data.negative;
    return `rgb(${r} ${g} ${b} / ${(0.85 * Math.min(1, Math.abs(strength))).toFixed(3)})`;
  };
  const full = (strength) => `rgb(${strength > 0 ? data.positive : data.negative})`;
  const numbered = (words) => words.map((word, place) => `${place + 1} ${word}`);

  function plane() {
    const points = source("points");
    if (!points) return;
    const { x, y, p } = snapshots[state.snapshot];
    points.data = { ...points.data, x, y, p };
    const sentence = sentences[state.sentence];
    const walk = sentence && snapshots[state.snapshot].walks[sentence.id];
    const way = walk || { x: [], y: [], p: [] };
    const after = [data.start, ...way.p];
    source("walk").data = { x: [0, ...way.x], y: [0, ...way.y], p: after,
      word: ["start", ...(walk ? sentence.words : [])], colour: after.map((p) => full(p - 0.5)) };
  }

  function reading() {
    const now = source("now");
    if (!now) return;
    const sentence = sentences[state.sentence];
    const words = numbered(sentence.words);
    const walks = snapshots.map((snapshot) => snapshot.walks[sentence.id]);
    const p = walks[state.snapshot] ? walks[state.snapshot].p : [];
    plots.get_model_by_name("words read").factors = words;
    now.data = { word: words, p, colour: p.map((one) => full(one - 0.5)) };
    const others = walks.filter(Boolean);
    source("others").data = { words: others.map(() => words), ps: others.map((walk) => walk.p) };
    all("#sentences tr[data-pick]").forEach((row, place) => {
      const walk = snapshots[state.snapshot].walks[sentences[place].id];
      row.classList.toggle("picked", place === state.sentence);
      if (!walk) return;
      all("span", row).forEach((span, at) => {
        span.style.background = hue(2 * walk.p[at] - 1);
        span.title = `P(positive) ${walk.p[at].toFixed(3)} after this word`;
      });
      const last = walk.p[walk.p.length - 1];
      row.querySelector(".final").textContent = last.toFixed(3);
      const { label } = sentences[place];
      row.querySelector(".verdict-mark").textContent =
        label < 0 ? "" : (last >= 0.5) === (label === 1) ? "✓" : "✗";
    });
  }

  function unit() {
    if (!units.length) return;
    const one = units[state.unit];
    for (const [name, driven] of [["words", one.words], ["ngrams", one.ngrams]]) {
      const bars = source(name);
      if (!bars) continue;
      plots.get_model_by_name(`${name} named`).factors = driven.map(([word]) => word).reverse();
      const colour = ([, drive]) => one.weight === null ? data.neither : full(drive * one.weight);
      bars.data = { name: driven.map(([word]) => word), drive: driven.map(([, drive]) => drive),
        colour: driven.map(colour) };
    }
    source("fading").data = { steps: data.steps.slice(0, one.decay.length), effect: one.decay };
    document.getElementById("told").textContent = one.told;
    all("#units tr[data-pick]").forEach((row, place) =>
      row.classList.toggle("picked", place === state.unit));
  }

  function mistake() {
    all("#mistakes article").forEach((article, place) => {
      article.hidden = place !== state.mistake;
      const words = article.querySelector(".words");
      if (article.hidden || !words || words.childElementCount) return;
      const { words: read, effects, p } = data.mistakes[place];
      const largest = Math.max(...effects.map(Math.abs)) || 1;
      read.split(" ").forEach((word, at) => {
        const span = document.createElement("span");
        span.textContent = word;
        span.style.background = hue(effects[at] / largest);
        const [effect, after] = [(effects[at] / 100).toFixed(2), (p[at] / 1000).toFixed(3)];
        span.title = `word ${at + 1}: ${effect} · P ${after} after it`;
        words.append(span, " ");
      });
    });
  }

  const shows = { snapshot: [plane, reading], sentence: [plane, reading], unit: [unit],
    mistake: [mistake] };
  function set(name, value) {
    state[name] = value;
    for (const control of all(`[data-of=${name}]`)) {
      control.value = value;
      const output = control.parentElement.querySelector("output");
      if (output) output.textContent = snapshots[value].said;
    }
    shows[name].forEach((show) => show());
  }
  for (const control of all("[data-of]")) {
    control.addEventListener("input", () => set(control.dataset.of, Number(control.value)));
  }
  for (const button of all("[data-step]")) {
    button.addEventListener("click", () => {
      step(button.parentElement.querySelector("[data-of]"), Number(button.dataset.step));
    });
  }
  for (const row of all("tr[data-pick]")) {
    row.addEventListener("click", () => set(row.dataset.pick, row.rowIndex - 1));
  }
  const points = source("points");
  if (points) {
    // A click on a sentence's point chooses the sentence.
    points.selected.properties.indices.change.connect(() => {
      const [only, more] = points.selected.indices;
      const place = sentences.findIndex((sentence) => sentence.row === only);
      if (place >= 0 && more === undefined) set("sentence", place);
    });
  }
  for (const name of Object.keys(shows)) {
    if (all(`[data-of=${name}]`).length) set(name, state[name]);
  }
}
"""
