#!/bin/sh
# Installs the scorer, and nothing that it does not need, into an environment of its own.
#
#   sh examples/docker/install.sh FOLDER PACKAGE      PACKAGE: a folder with setup.cfg, a wheel, or textsim
set -eu
folder="$1" package="$2"

"${PYTHON:-python}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check "$package"
"$folder/bin/python" -m pip uninstall --quiet --yes pip setuptools
