"""Text to token ids: normalizing, tokenizing, vocabulary, word vectors. Needs no Keras."""
