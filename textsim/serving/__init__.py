"""The HTTP service: scores, vectors, search results and explanations of one model, and a page to try them."""
