"""From raw texts to a prepared dataset: file formats, data sources, tokenizer."""
