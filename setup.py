"""Builds textsim. All metadata and settings are in setup.cfg."""

from setuptools import setup

setup()
