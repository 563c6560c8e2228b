// Buttons and arrow keys move a slider or a choice to its neighbour, as a person's input would.
function moveControl(control, by) {
  const last = control.matches("select") ? control.length - 1 : Number(control.max);
  control.value = Math.max(0, Math.min(last, Number(control.value) + by));
  control.dispatchEvent(new Event("input", { bubbles: true }));
}

for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => {
    const control = button.parentElement.querySelector("[data-control]");
    moveControl(control, Number(button.dataset.step));
  });
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const control = document.querySelector("section[data-in-view] [data-control]");
  if (by && control) moveControl(control, by);
});
