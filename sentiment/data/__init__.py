"""Text, tokens and files of texts: from raw reviews to a prepared dataset."""
