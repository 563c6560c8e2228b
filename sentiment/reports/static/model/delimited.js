// Reads and writes CSV and TSV (RFC 4180), and texts with one a line.
const FORMULA = /^[\s\0]*[=+\-@\t\r\n]/u;
const NUMBER = /^[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?%?$/u;

// Returns { header, rows }: names of the columns, and a list of cells for each row.
export function readTable(text, fileName) {
  if (text.includes("\0")) throw new Error(`${fileName} is not a text file. Save it as CSV.`);
  if (/\.(?:txt|text)$/iu.test(fileName)) return readLines(text);
  const delimiter = /\.tsv$/iu.test(fileName) ? "\t" : guessDelimiter(text);
  const [header, ...rows] = readRows(text, delimiter);
  if (header === undefined) throw new Error(`${fileName} is empty.`);
  return { header, rows };
}

function readLines(text) {
  const rows = text.split(/\r\n|\n|\r/u).map((line) => [line]);
  if (rows[rows.length - 1][0] === "") rows.pop();
  return { header: ["text"], rows };
}

// The character that the first line, the header, has most of.
function guessDelimiter(text) {
  const line = text.slice(0, text.search(/[\r\n]|$/u));
  const count = (delimiter) => line.split(delimiter).length;
  return [",", ";", "\t"].reduce((best, next) => (count(next) > count(best) ? next : best));
}

// The rows of cells; blank lines are left out.
function readRows(text, delimiter) {
  const rows = [];
  let row = [];
  let start = 0;
  while (start <= text.length) {
    const cell = readCell(text, start, delimiter);
    row.push(cell.value);
    start = cell.end + 1;
    if (text[cell.end] === delimiter) continue;
    if (text[cell.end] === "\r" && text[cell.end + 1] === "\n") start++;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}

// The cell that begins at `start`, and the place of what ends it.
function readCell(text, start, delimiter) {
  let value = "";
  let place = start;
  if (text[place] === '"') {
    for (place++; place < text.length; place++) {
      if (text[place] !== '"') continue;
      value += text.slice(start + 1, place);
      if (text[place + 1] !== '"') break;
      value += '"';
      start = ++place;
    }
    if (place === text.length) throw new Error("A quotation mark opens a cell and none closes it.");
    place++;
  }
  const rest = place;
  while (place < text.length && !"\r\n".includes(text[place]) && text[place] !== delimiter) place++;
  return { value: value + text.slice(rest, place), end: place };
}

// defuse: put ' before cells that a spreadsheet would run as a formula.
export function writeTable(header, rows, defuse) {
  const line = (cells) => cells.map((cell) => writeCell(String(cell), defuse)).join(",");
  return `${[header, ...rows].map(line).join("\r\n")}\r\n`;
}

function writeCell(cell, defuse) {
  const safe = defuse && FORMULA.test(cell) && !NUMBER.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
