"""One folder per report: the questions it answers, the SQL behind each figure, and the page's story."""
