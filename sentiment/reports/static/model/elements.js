// Small parts of a page, and how numbers are written.
export function withText(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

export function table(header, rows) {
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  head.append(
    ...header.map((text) => {
      const cell = withText(text === "" ? "td" : "th", text);
      if (text !== "") cell.scope = "col";
      return cell;
    }),
  );
  const body = element.createTBody();
  for (const row of rows) body.insertRow().append(...row.map((text) => withText("td", text)));
  return element;
}

export function countOf(count, name) {
  return `${count.toLocaleString("en")} ${name}${count === 1 ? "" : "s"}`;
}

export function signed(number) {
  return `${number < 0 ? "−" : "+"}${Math.abs(number).toFixed(3)}`;
}
