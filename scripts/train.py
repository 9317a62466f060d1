"""A dataset folder to a trained matcher: `textsim train` as a script. See --help."""

from textsim.cli.train import train

if __name__ == "__main__":
    train()
