#!/bin/sh
# Whether the service answers: its model is loaded.
set -eu
python -c "import sys, urllib.request as web; web.urlopen(sys.argv[1] + '/readyz', timeout=5)" \
    "${TEXTSIM_URL:-http://127.0.0.1:8000}" 2>/dev/null
