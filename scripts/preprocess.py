"""Labelled data files to a dataset folder: `textsim preprocess` as a script. See --help."""

from textsim.cli.preprocess import preprocess

if __name__ == "__main__":
    preprocess()
