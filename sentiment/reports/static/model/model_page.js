// The page of a model: starts it, and connects the parts that all texts share.
import { FileScoring } from "./file_scoring.js";
import { TextPanel } from "./text_panel.js";
import { unpackModel } from "./unpack.js";

class ModelPage {
  constructor(model, facts) {
    Object.assign(this, facts);
    this.model = model;
    this.panels = [];
    this.band = null;
    this.files = new FileScoring(this);
    this.addPanel("Text");
    this.connectBand();
    this.connectExamples();
    document.getElementById("compare").addEventListener("change", () => this.showSecond());
    addEventListener("hashchange", () => this.readFragment());
    addEventListener("beforeprint", () => this.openTables());
    this.panels[0].text = document.querySelector("[data-example]").textContent;
    this.readFragment();
  }

  addPanel(title) {
    const panel = new TextPanel(this, title);
    this.panels.push(panel);
    document.getElementById("panels").append(panel.element);
    panel.show();
  }

  showSecond() {
    const isWanted = document.getElementById("compare").checked;
    if (isWanted && this.panels.length < 2) this.addPanel("Second text");
    if (!isWanted)
      this.panels.splice(1).forEach(({ element }) => {
        element.remove();
      });
    document.getElementById("panels").classList.toggle("two", isWanted);
  }

  // The texts of a link such as model.html#text=A+moving+film.
  readFragment() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (given.has("text")) this.panels[0].text = given.get("text");
    if (given.has("second")) {
      document.getElementById("compare").checked = true;
      this.showSecond();
      this.panels[1].text = given.get("second");
    }
  }

  connectExamples() {
    for (const button of document.querySelectorAll("[data-example]")) {
      button.addEventListener("click", () => {
        this.panels[0].text = button.dataset.example || button.textContent;
      });
    }
  }

  connectBand() {
    const [low, high] = ["band-low", "band-high"].map((id) => document.getElementById(id));
    const isWanted = document.getElementById("has-band");
    low.value = this.ownBand?.low ?? 0.3;
    high.value = this.ownBand?.high ?? 0.7;
    const update = () => {
      this.band = isWanted.checked ? { low: Number(low.value), high: Number(high.value) } : null;
      for (const part of document.querySelectorAll("#band, #own-band")) {
        part.hidden = !isWanted.checked;
      }
      for (const slider of [low, high]) {
        slider.nextElementSibling.textContent = Number(slider.value).toFixed(2);
      }
      for (const panel of this.panels) panel.showVerdict();
      this.files.show();
    };
    for (const control of [low, high, isWanted]) control.addEventListener("input", update);
    update();
  }

  // Paper has no way to open them.
  openTables() {
    for (const details of document.querySelectorAll("details.numbers")) details.open = true;
  }

  // The colour of an effect from -1, the strongest towards negative, to 1.
  evidenceColor(strength) {
    const color = strength > 0 ? this.colors.evidence.positive : this.colors.evidence.negative;
    return `rgb(${color.join(" ")} / ${(0.6 * Math.abs(strength)).toFixed(3)})`;
  }
}

async function startPage() {
  const starting = document.getElementById("starting");
  try {
    const model = await unpackModel(document.getElementById("packed-model").textContent);
    const facts = JSON.parse(document.getElementById("page-facts").textContent);
    document.querySelector("main").hidden = false;
    window.modelPage = new ModelPage(model, facts);
    starting.hidden = true;
    document.body.dataset.ready = "yes";
  } catch (error) {
    starting.textContent = `This browser can't run the model: ${error.message}. It needs one of 2023 or later.`;
    throw error;
  }
}

startPage();
