import assert from "node:assert/strict";
import { test } from "node:test";
import { readTable, writeTable } from "../../sentiment/reports/static/model/delimited.js";

test("cells may have delimiters, quotation marks and line ends in quotation marks", () => {
  const { header, rows } = readTable('id,text\r\n1,"a ""b"", c\nd"\r\n2,plain', "a.csv");
  assert.deepEqual(header, ["id", "text"]);
  assert.deepEqual(rows, [
    ["1", 'a "b", c\nd'],
    ["2", "plain"],
  ]);
});

test("an empty last cell counts, a blank line does not", () => {
  const { rows } = readTable("a,b\n1,\n\n,2\n", "a.csv");
  assert.deepEqual(rows, [
    ["1", ""],
    ["", "2"],
  ]);
});

test("the header says which character divides cells; a .tsv file has tabs", () => {
  assert.deepEqual(readTable("a;b,c;d\n1;2;3", "x.csv").header, ["a", "b,c", "d"]);
  assert.deepEqual(readTable("a,b\tc\n", "x.tsv").header, ["a,b", "c"]);
});

test("a text file has a text a line", () => {
  const { header, rows } = readTable('one, "two"\r\n\nthree\n', "x.txt");
  assert.deepEqual(header, ["text"]);
  assert.deepEqual(rows, [['one, "two"'], [""], ["three"]]);
});

test("files that are no tables are refused with a sentence", () => {
  assert.throws(
    () => readTable("PK\u0003\u0004\0\0", "x.xlsx"),
    /x\.xlsx is not a text file\. Save/u,
  );
  assert.throws(() => readTable("", "x.csv"), /x\.csv is empty/u);
  assert.throws(() => readTable('a\n"b', "x.csv"), /quotation mark/u);
});

test("what is written is read as it was", () => {
  const rows = [
    ["a,b", 'say "x"'],
    ["line\nend", "=1+1"],
  ];
  const written = readTable(writeTable(["one", "two"], rows, false), "x.csv");
  assert.deepEqual(written, { header: ["one", "two"], rows });
});

test("formulas are defused if that is wanted, numbers are not", () => {
  assert.equal(
    writeTable(["a"], [["=1+1"], ["-1.5"], [" @x"], ["-x"]], true),
    "a\r\n'=1+1\r\n-1.5\r\n' @x\r\n'-x\r\n",
  );
});
