// Copies a link with the text, and commands that classify it.
export class Sharing {
  constructor(panel) {
    this.panel = panel;
    for (const button of panel.element.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", () => this.copy(this[button.dataset.copy]()));
    }
  }

  link() {
    const { page } = this.panel;
    const texts = page.panels.map((panel, index) => [index ? "second" : "text", panel.text]);
    const fragment = new URLSearchParams(texts.filter(([, text]) => text !== ""));
    return `${location.href.replace(/#.*/u, "")}#${fragment}`;
  }

  curl() {
    const body = JSON.stringify({ texts: [this.panel.text] }).replaceAll("'", "'\\''");
    return `curl ${server()}/v1/classify -H 'Content-Type: application/json' -d '${body}'`;
  }

  python() {
    const text = pythonString(this.panel.text);
    return `import sentiment\n\nmodel = sentiment.load(${pythonString(this.panel.page.modelArgument)})\nprint(model(${text}))`;
  }

  // Where a page may not write to the clipboard, the snippet is there to be selected.
  async copy(snippet) {
    this.panel.find(".snippet").textContent = snippet;
    const copied = this.panel.find(".copied");
    try {
      await navigator.clipboard.writeText(snippet);
      copied.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(this.panel.find(".snippet"));
      copied.textContent = "Selected: copy it with Ctrl-C.";
    }
  }
}

// The service that this page came from, else the one that `sentiment serve` starts.
function server() {
  return location.protocol.startsWith("http") ? location.origin : "http://127.0.0.1:5001";
}

// JSON strings are Python strings too, once line ends of Unicode and surrogates are escaped.
function pythonString(text) {
  return JSON.stringify(text).replace(/[\u007f-\u00a0\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
