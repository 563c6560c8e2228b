// Scores the texts of a file: a histogram, a table to sort and a file to download.
import { readTable, writeTable } from "./delimited.js";
import { drawHistogram } from "./drawing.js";
import { countOf, withText } from "./elements.js";
import { inSlices } from "./slices.js";

const SHOWN = 200; // rows that the table shows, and that a click adds

export class FileScoring {
  constructor(page) {
    this.page = page;
    this.section = document.getElementById("file");
    this.job = 0;
    this.results = [];
    this.sort = { column: "index", direction: 1 };
    const input = this.find("input[type=file]");
    input.addEventListener("change", () => this.open(input.files[0]));
    this.select = this.find("select");
    this.select.addEventListener("change", () => this.score());
    this.find(".cancel").addEventListener("click", () => this.job++);
    this.find(".download").addEventListener("click", () => this.download());
    this.find(".more").addEventListener("click", () => this.showRows(this.shown + SHOWN));
    for (const button of this.section.querySelectorAll("[data-sort]")) {
      button.addEventListener("click", () => this.sortBy(button.dataset.sort));
    }
    this.acceptDrops();
  }

  find(selector) {
    return this.section.querySelector(selector);
  }

  acceptDrops() {
    this.section.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.section.classList.add("drop");
    });
    this.section.addEventListener("dragleave", () => this.section.classList.remove("drop"));
    this.section.addEventListener("drop", (event) => {
      event.preventDefault();
      this.section.classList.remove("drop");
      this.open(event.dataTransfer.files[0]);
    });
  }

  async open(file) {
    if (!file) return;
    try {
      this.table = readTable(decodeText(await file.arrayBuffer()), file.name);
    } catch (error) {
      this.say(error.message);
      return;
    }
    this.name = file.name;
    const { header } = this.table;
    this.select.replaceChildren(...header.map((name, index) => new Option(name, index)));
    const named = header.findIndex((name) => /^(?:text|review|sentence|comment)$/iu.test(name));
    this.select.value = Math.max(0, named);
    this.find(".column").hidden = header.length < 2;
    this.find(".defuse").hidden = false;
    await this.score();
  }

  // Scores all texts, a slice at a time; a later file or the button ends it.
  async score() {
    const job = ++this.job;
    const { rows } = this.table;
    const column = Number(this.select.value);
    const progress = this.find("progress");
    this.results = [];
    progress.hidden = this.find(".cancel").hidden = false;
    const { results } = this;
    const take = (row) => {
      const text = row[column] ?? "";
      results.push({ index: results.length + 1, text, ...this.page.model.predict(text) });
      return results.length;
    };
    await inSlices(rows, take, (count) => {
      progress.value = count / rows.length;
      this.say(`${count.toLocaleString("en")} of ${countOf(rows.length, "text")}`);
      return job === this.job;
    });
    if (results !== this.results) return; // another file was opened meanwhile
    progress.hidden = this.find(".cancel").hidden = true;
    this.show();
  }

  // Labels depend on the neutral band, which may change after the texts were scored.
  show() {
    if (!this.table) return;
    for (const result of this.results) {
      result.label = result.count === 0 ? "" : this.page.model.label(result, this.page.band);
    }
    const labels = ["positive", "negative", "neutral", "unknown", ""];
    const counts = labels.map((label) => [label, this.results.filter((r) => r.label === label)]);
    const parts = counts
      .filter(([, found]) => found.length)
      .map(([label, found]) => {
        return `${found.length.toLocaleString("en")} ${label || "without a word"}`;
      });
    const total = this.table.rows.length;
    const scored = this.results.length < total ? ` of ${total.toLocaleString("en")}, stopped` : "";
    this.say(`${countOf(this.results.length, "text")}${scored}: ${parts.join(", ")}.`);
    const probabilities = this.results.filter((r) => r.count > 0).map((r) => r.probability);
    this.find(".histogram").replaceChildren(drawHistogram(probabilities));
    for (const selector of [".histogram", ".results", ".download"]) {
      this.find(selector).hidden = this.results.length === 0;
    }
    this.showRows(SHOWN);
  }

  sortBy(column) {
    const isSame = column === this.sort.column;
    this.sort = { column, direction: isSame ? -this.sort.direction : 1 };
    for (const cell of this.section.querySelectorAll("th")) {
      const isSorted = cell.firstElementChild.dataset.sort === column;
      if (isSorted) cell.ariaSort = this.sort.direction > 0 ? "ascending" : "descending";
      else cell.removeAttribute("aria-sort");
    }
    this.showRows(SHOWN);
  }

  showRows(count) {
    const { column, direction } = this.sort;
    const order = (one, other) => direction * compare(one[column], other[column]);
    const rows = this.results.toSorted(order).slice(0, count);
    this.shown = rows.length;
    const body = this.find("tbody");
    body.replaceChildren();
    for (const result of rows) {
      const probability = result.count === 0 ? "" : result.probability.toFixed(3);
      const cells = [result.index, result.text.slice(0, 300), result.label, probability];
      body.insertRow().append(...[...cells, result.evidence].map((text) => withText("td", text)));
    }
    const left = this.results.length - this.shown;
    this.find(".more").hidden = left === 0;
    this.find(".more").textContent = `Show more: ${countOf(left, "row")} left`;
  }

  download() {
    const { header, rows } = this.table;
    const added = ["label", "probability"].map((name) => freeName(name, header));
    const table = this.results.map((result, index) => {
      const probability = result.count === 0 ? "" : result.probability.toFixed(6);
      const cells = header.map((_, place) => rows[index][place] ?? "");
      return [...cells, result.label, probability];
    });
    const text = writeTable([...header, ...added], table, this.find(".defuse input").checked);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = `${this.name.replace(/\.[^.]*$/u, "")}-scored.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  say(text) {
    this.find(".message").textContent = text;
  }
}

// UTF-8, or UTF-16 or cp1252 if it is not.
function decodeText(buffer) {
  const [first, second] = new Uint8Array(buffer);
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(buffer);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(buffer);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(buffer);
  } catch {
    return new TextDecoder("windows-1252").decode(buffer);
  }
}

// As `sentiment predict` names its columns.
function freeName(name, taken) {
  let free = name;
  while (taken.includes(free)) free = `predicted_${free}`;
  return free;
}

function compare(one, other) {
  if (typeof one === "number") return one - other;
  return one.localeCompare(other, "en");
}
