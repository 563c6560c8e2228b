// Show the page's plots in the page's colours, and hide the lines that a legend switches off.
// Then the event "plots-ready" passes the plots and the page's data to other scripts.
function readJson(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

// A canvas does not inherit colours.
function paintPlots(plots) {
  const style = getComputedStyle(document.documentElement);
  const [ink, faint, line] = ["--ink", "--faint", "--line"].map((name) =>
    style.getPropertyValue(name),
  );
  for (const model of plots.roots().flatMap((root) => [...root.references()])) {
    if (model.type.endsWith("Axis")) {
      model.axis_label_text_color = faint;
      model.major_label_text_color = faint;
      model.axis_line_color = line;
      model.major_tick_line_color = line;
    } else if (model.type === "Grid") {
      model.grid_line_color = line;
    } else if (model.type === "Title") {
      model.text_color = ink;
    } else if (model.tags.includes("ink")) {
      for (const property of ["line_color", "text_color"]) {
        if (property in model.glyph) model.glyph[property] = ink;
      }
    }
  }
}

function connectLegends(plots) {
  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const visible = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", visible);
      for (const renderer of plots.roots().flatMap((root) => root.renderers)) {
        if (renderer.name === `line ${button.dataset.line}`) renderer.visible = visible;
      }
    });
  }
}

async function showPlots() {
  await Bokeh.embed.embed_items(readJson("figures"), readJson("places"));
  const plots = Bokeh.documents[0];
  paintPlots(plots);
  const darkMode = matchMedia("(prefers-color-scheme: dark)");
  darkMode.addEventListener("change", () => paintPlots(plots));
  connectLegends(plots);
  const detail = { plots, data: readJson("data") };
  document.dispatchEvent(new CustomEvent("plots-ready", { detail }));
  document.body.dataset.ready = "yes";
}

// After the scripts below this one, which wait for "plots-ready".
document.addEventListener("DOMContentLoaded", showPlots);
