import assert from "node:assert/strict";
import { test } from "node:test";
import { Entities } from "../../sentiment/reports/static/model/entities.js";

const entities = new Entities({
  named: { amp: "&", "amp;": "&", "eacute;": "é", eacute: "é", "not;": "¬", not: "¬" },
  replaced: { 0: "\ufffd", 128: "€", 1: "" },
});

test("names are decoded, with and without a semicolon, the longest that fits", () => {
  assert.equal(entities.decode("caf&eacute; &amp &notit; &nosuch;"), "café & ¬it; &nosuch;");
});

test("numbers are decoded, decimal and hexadecimal", () => {
  assert.equal(entities.decode("&#39;&#x27;&#X2B50;&#128512"), "''⭐😀");
});

test("numbers that are no characters become what HTML says", () => {
  assert.equal(entities.decode("&#0;&#128;&#1;&#xD800;&#x110000;"), "\ufffd€\ufffd\ufffd");
  assert.equal(entities.decode(`a&#${"9".repeat(1000)};b`), "a b");
});
