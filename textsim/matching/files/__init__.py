"""Files in, files out: scores, vectors and search results of whole files."""
