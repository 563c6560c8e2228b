// Long work in slices, between which the page answers to keys and clicks.
const SLICE = 12; // milliseconds

// Passes each of `values` to `take`. After a slice, what `take` returned last goes to `report`,
// which returns whether to go on.
export async function inSlices(values, take, report) {
  let start = performance.now();
  for (const value of values) {
    const progress = take(value);
    if (performance.now() - start < SLICE) continue;
    await new Promise((resolve) => setTimeout(resolve));
    if (!report(progress)) return;
    start = performance.now();
  }
}
