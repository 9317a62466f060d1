"""From a saved model to scores, vectors and search results: matchers, cache, index, files. Needs no Keras."""
