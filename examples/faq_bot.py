"""A FAQ bot in front of the service: a match is answered, and what is none goes to a person.

    textsim index build zh-general faq.csv --out faq      columns: id, text, answer (or 编号, 问题, 答案)
    textsim serve zh-general --index faq
    python examples/faq_bot.py 密码忘了登不上去              one question, or without it a question a line

TEXTSIM_URL says where the service is, TEXTSIM_KEY is a key of its --api-key-file. Python alone is needed.
"""

import json
import os
import sys
from urllib.error import URLError
from urllib.request import Request, urlopen

URL = os.environ.get("TEXTSIM_URL", "http://127.0.0.1:8000")
HEADERS = {"content-type": "application/json", "authorization": f"Bearer {os.environ.get('TEXTSIM_KEY', '')}"}


def reply(question: str) -> str:
    body = json.dumps({"texts": [question], "k": 1}).encode()
    with urlopen(Request(f"{URL}/v1/search", body, HEADERS), timeout=10) as response:
        hits = json.load(response)["results"][0]
    if hits and hits[0]["decision"] == "match":
        payload = hits[0]["payload"]
        return str(payload.get("answer") or payload.get("答案") or hits[0]["text"])
    return "这个问题我不知道，正在转人工。"


try:
    for asked in sys.argv[1:] or sys.stdin:
        if asked.strip():
            print(reply(asked.strip()), flush=True)
except URLError as error:
    sys.exit(f"{URL}: {error}. Does `textsim serve` run there?")
