"""One analysis as a page, as Markdown, as figures in a notebook; many as an index."""
