// Step through the page: show the parts that the buttons, the arrow keys and the pointer choose.
//
// A stepper has its state in data attributes, such as data-step="1". A button with data-key and
// data-value sets one of them. An element with data-only="sample=1 step=2" is shown only while
// the state has these values.

let moveActive; // moves the stepper that was last pointed at, at first the first of the page

function startStepper(root) {
  const parts = [...root.querySelectorAll("[data-only]")].map((element) => ({
    element,
    values: element.dataset.only.split(" ").map((pair) => pair.split("=")),
  }));
  const choices = [...root.querySelectorAll("[data-key]")];
  const arrows = [...root.querySelectorAll("[data-move]")];
  const steps = choices.filter((button) => button.dataset.key === "step");
  const lastStep = Math.max(...steps.map((button) => Number(button.dataset.value)));

  function show() {
    for (const { element, values } of parts) {
      element.hidden = !values.every(([key, value]) => root.dataset[key] === value);
    }
    for (const button of choices) {
      const isChosen = root.dataset[button.dataset.key] === button.dataset.value;
      button.setAttribute("aria-pressed", String(isChosen));
    }
    for (const arrow of arrows) {
      const next = Number(root.dataset.step) + Number(arrow.dataset.move);
      arrow.disabled = next < 1 || next > lastStep;
    }
  }

  function choose(key, value) {
    if (root.dataset[key] === value) return;
    root.dataset[key] = value;
    show();
  }

  function move(by) {
    const step = Number(root.dataset.step) + by;
    choose("step", String(Math.min(Math.max(step, 1), lastStep)));
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.key) choose(button.dataset.key, button.dataset.value);
    else if (button) move(Number(button.dataset.move));
  });

  // Pointing at a unit chooses it.
  root.addEventListener("pointerover", (event) => {
    const cell = event.target.closest("[data-unit]");
    if (cell && cell !== root) choose("unit", cell.dataset.unit);
  });

  // A unit that is opened or closed at one step is so at every step. Toggle events do not bubble.
  root.addEventListener(
    "toggle",
    ({ target }) => {
      for (const other of root.querySelectorAll(`[data-same="${target.dataset.same}"]`)) {
        other.open = target.open;
      }
    },
    true,
  );

  for (const type of ["pointerover", "focusin"]) {
    root.addEventListener(type, () => {
      moveActive = move;
    });
  }
  moveActive ??= move;
  show();
}

document.documentElement.classList.add("js");
for (const root of document.querySelectorAll(".stepper")) startStepper(root);

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  moveActive(by);
  event.preventDefault();
});
