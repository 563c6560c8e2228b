"""The style sheets that pages share."""

from sentiment.reports.templating import static

BASE = static("base.css")
EXPLANATION = static("explanation.css")
