"""Packages are found here, since `textsim.resources` lies beside the code and not inside it."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["textsim", "textsim.*"]), "textsim.resources"])
