#!/bin/sh
# Whether the scorer answers: its model loads and scores two texts.
set -eu
textsim score "${TEXTSIM_MODEL:-zh-general}" 花呗怎么还款 怎样还花呗 | grep -q "match$"
