// Divides a text into tokens by the rules of sentiment/data/token_rules.py, which explains them.
import { Entities } from "./entities.js";

const MISREAD_TAIL = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]";
// The characters of the bytes 0x80 to 0x9f in cp1252.
const CP1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";
const FOLDED = new Map([
  ...Array.from("\u00ad\u200c\u200d\u2060\ufeff", (invisible) => [invisible, ""]),
  ...Array.from("\u2018\u2019\u02bc\u00b4\u0060", (apostrophe) => [apostrophe, "'"]),
  ["\uff9e", "\u3099"],
  ["\uff9f", "\u309a"],
]);
const EMOJI = "[\u2600-\u27bf\u{1f300}-\u{1faff}]"; // of rules 1
// A character without meaning, in place of those that the model's program does not know.
const NOTHING = "\ue000";

export class TokenRules {
  // rules: their number; characters: ranges for a regular expression, by the kind of character,
  // from the program that trained the model, so that every browser reads alike.
  constructor(rules, { characters, entities }) {
    const { alphanumeric: alphanumerics, space, letter, symbol, mark, unassigned } = characters;
    const alphanumeric = `[${alphanumerics}]`;
    const word = `${alphanumerics}_`;
    this.entities = new Entities(entities);
    this.byteOf = new Map(Array.from(CP1252, (character, index) => [character, 0x80 + index]));
    // Rules 1 count any character of some ranges as a token, assigned or not.
    const counted = rules === 1 ? `(?!${EMOJI})` : "";
    this.unassigned = new RegExp(`${counted}[${unassigned}]`, "gu");
    this.folded = new RegExp(`[${[...FOLDED.keys()].join("")}]`, "gu");
    this.marks = new RegExp(`[${mark}]`, "gu");
    this.letters = new RegExp(`[${letter}]`, "gu");
    this.excessiveMarks = new RegExp(`[^${word}${space}]{31,}`, "gu");
    this.lostApostrophe = new RegExp(
      `(?<=[${letter}])[\u2032\u201b\uff07\ufffd](?=[${letter}])`,
      "gu",
    );
    this.misread = new RegExp(
      `â[€\x80]${MISREAD_TAIL}|â„¢|â‚¬|Â[\xa0-\xbf]|Ã[\xa1-\xaa\xac-\xba\xbc-\xbf]` +
        `|ð[Ÿ\x9f]${MISREAD_TAIL}{2}|ï¸[\x8f]`,
      "gu",
    );
    this.treebank = new RegExp(`(?<=[a-z]) (?=(?:n't|'(?:s|re|ve|ll|d|m))(?![${word}'\\-]))`, "gu");
    this.counted = new RegExp(`^[${symbol}${word}]$`, "u");
    const base = `[0-9]+/[0-9]+|${alphanumeric}+(?:'${alphanumeric}+)*|[!?]`;
    this.tokenize = rules === 1 ? this.tokenize1 : this.tokenize2;
    this.token =
      rules === 1
        ? new RegExp(`${base}|[:;]-?[()]|${EMOJI}`, "gu")
        : new RegExp(`${smileys(alphanumeric, space)}|${base}|${symbols(word, space)}`, "gu");
  }

  tokenize1(text) {
    return this.plain(text).toLowerCase().match(this.token) ?? [];
  }

  tokenize2(given) {
    let text = given;
    if (!isAscii(text)) {
      text = text.replace(this.misread, (misread) => this.readAgain(misread));
      text = text.replace(this.lostApostrophe, "'");
    }
    text = this.plain(text).toLowerCase();
    text = text.replace(this.treebank, "").replace(/-[lr][rcs]b-/gu, " ");
    const tokens = text.match(this.token) ?? [];
    return tokens.filter((token) => isAscii(token) || [...token].length > 1 || this.counts(token));
  }

  // The text without markup, entities, accents and invisible characters.
  plain(given) {
    const unmarked = given.replace(/<\/?[a-zA-Z][^<>]{0,200}>/gu, " ");
    const text = unmarked.includes("&") ? this.entities.decode(unmarked) : unmarked;
    if (isAscii(text)) return text;
    return text
      .replace(this.unassigned, NOTHING)
      .replace(this.folded, (character) => FOLDED.get(character))
      .replace(this.excessiveMarks, (run) => run.replace(this.marks, ""))
      .normalize("NFKD")
      .replace(/[\u0300-\u036f]/gu, "")
      .normalize("NFC");
  }

  // The character whose UTF-8 was read as another encoding.
  readAgain(misread) {
    const bytes = Array.from(
      misread,
      (character) => this.byteOf.get(character) ?? character.codePointAt(0) & 0xff,
    );
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        Uint8Array.from(bytes),
      );
    } catch {
      return misread;
    }
  }

  counts(character) {
    return character !== "\ufffd" && this.counted.test(character);
  }
}

function smileys(alphanumeric, space) {
  const not = `(?<!${alphanumeric}`;
  const ends = `(?!${alphanumeric})`;
  return (
    `[:;=](?:[-^o']?[()\\[\\]|*]|${not}[:;=])[-^o']?[dpo3sx]${ends}|[-^o']?[/\\\\](?![/\\\\]))` +
    `|(?<![0-9])</?3(?![0-9])|\\^_*\\^|-_+-` +
    `|${not})(?:d:(?=[${space}]|$)|[ot]_+[ot]${ends})`
  );
}

// A flag is two letters that stand for a country.
function symbols(word, space) {
  return `[\u{1f1e6}-\u{1f1ff}]{2}|[^\x00-\x7f${word}${space}]`;
}

function isAscii(text) {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}
