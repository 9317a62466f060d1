"""Text to token ids: reading, normalizing, tokenizing, vocabulary, word vectors, datasets. Needs no Keras."""
