// Decodes the entities of HTML, such as &eacute; or &#39;, as Python's html.unescape does.
export class Entities {
  // named: characters by name, with its semicolon if it needs one; replaced: characters by number,
  // of the numbers that stand for others than themselves.
  constructor({ named, replaced }) {
    this.named = new Map(Object.entries(named));
    this.replaced = new Map(Object.entries(replaced).map(([number, text]) => [+number, text]));
  }

  decode(text) {
    return text
      .replace(/&#[0-9]{1000,};?/gu, " ")
      .replace(
        /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/gu,
        (_, reference) => this.character(reference) ?? `&${reference}`,
      );
  }

  character(reference) {
    if (!reference.startsWith("#")) return this.ofName(reference);
    const digits = reference.slice(1).replace(";", "");
    return this.ofNumber(
      /^x/i.test(digits) ? Number.parseInt(digits.slice(1), 16) : Number(digits),
    );
  }

  ofNumber(number) {
    const replaced = this.replaced.get(number);
    if (replaced !== undefined) return replaced;
    const exists = number <= 0x10ffff && !(number >= 0xd800 && number <= 0xdfff);
    return exists ? String.fromCodePoint(number) : "\ufffd";
  }

  // The longest name that the reference begins with; the rest of it stays.
  ofName(reference) {
    const characters = [...reference];
    for (let length = characters.length; length > 1; length--) {
      const decoded = this.named.get(characters.slice(0, length).join(""));
      if (decoded !== undefined) return decoded + characters.slice(length).join("");
    }
    return undefined;
  }
}
