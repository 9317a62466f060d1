"""Files that are whole or absent, their hashes, arrays on disk, text encodings."""
