// What the page does. Texts go into the document as text, never as markup.
import { say, showWords, switchLanguage } from "./words.js";
import { atThreshold, parse, readText, toPairs, toTsv } from "./rows.js";

const $ = (id) => document.getElementById(id);
const BATCH = 256;
const SHOWN_ROWS = 200;

function element(tag, { text, className, ...attributes } = {}, children = []) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const percent = (value) => (Number.isFinite(value) ? (100 * value).toFixed(1) + " %" : "–");
const decisionClass = (decision) => "is-" + decision.replace(" ", "-");

async function call(path, body, signal) {
  const headers = { "content-type": "application/json" };
  const key = $("key").value.trim();
  if (key) headers.authorization = "Bearer " + key;
  const response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const detail = Array.isArray(answer.detail) ? answer.detail.map((d) => d.loc.join(".") + ": " + d.msg).join("; ") : answer.detail;
    throw new Error(`${say("failed")} (${response.status}): ${detail || response.statusText}`);
  }
  return answer;
}

// Runs what a control asks for; what goes wrong is said at the top.
function answering(action) {
  return async (event) => {
    event?.preventDefault();
    $("problem").hidden = true;
    try {
      await action(event);
    } catch (error) {
      $("problem").textContent = error.message;
      $("problem").hidden = false;
    }
  };
}

// Blue for what raises the score, orange for what lowers it: told apart also by those who confuse red and green.
function shade(value, largest) {
  const strength = largest ? Math.min(1, Math.abs(value) / largest) : 0;
  const [r, g, b] = value >= 0 ? [86, 160, 220] : [240, 160, 80];
  const mix = (channel) => Math.round(255 - (255 - channel) * strength);
  return `rgb(${mix(r)}, ${mix(g)}, ${mix(b)})`;
}

function showTokens(into, tokens, largest) {
  into.replaceChildren(...tokens.map(({ token, contribution }) => {
    const number = (contribution >= 0 ? "+" : "−") + Math.abs(contribution).toFixed(2);
    const made = element("span", { className: "token " + (contribution >= 0 ? "for" : "against"), text: token, title: `${token}: ${contribution.toFixed(4)}` },
      []);
    made.append(element("small", { text: number }));
    made.style.background = shade(contribution, largest);
    return made;
  }));
}

function showMatrix({ matrix, tokens_a, tokens_b }) {
  const largest = Math.max(...matrix.flat().map(Math.abs), 1e-9);
  const head = element("tr", {}, [element("td"), ...tokens_b.map(({ token }) => element("th", { text: token, scope: "col" }))]);
  const rows = matrix.map((values, k) => element("tr", {}, [
    element("th", { text: tokens_a[k].token, scope: "row" }),
    ...values.map((value) => {
      const cell = element("td", { text: value.toFixed(2) });
      cell.style.background = shade(value, largest);
      return cell;
    }),
  ]));
  $("matrix").replaceChildren(head, ...rows);
}

async function comparePair() {
  const found = await call("/v1/explain", { text_a: $("text-a").value, text_b: $("text-b").value });
  $("decision").textContent = say(found.decision);
  $("decision").className = decisionClass(found.decision);
  $("decision").dataset.t = found.decision;
  $("probability").textContent = percent(found.probability);
  $("score").textContent = found.score.toFixed(4);
  const largest = Math.max(...[...found.tokens_a, ...found.tokens_b].map(({ contribution }) => Math.abs(contribution)), 1e-9);
  showTokens($("tokens-a"), found.tokens_a, largest);
  showTokens($("tokens-b"), found.tokens_b, largest);
  document.querySelector("[data-t='why_hint']").textContent = say("why_hint", { base: found.base.toFixed(3) });
  showMatrix(found);
  $("pair-result").hidden = false;
}

async function find() {
  const { results } = await call("/v1/search", { texts: [$("query").value], k: 5 });
  const hits = results[0];
  const sure = hits.length && hits[0].decision === "match";
  $("unknown").textContent = !hits.length ? say("nothing") : hits[0].decision === "unsure" ? say("doubtful") : say("unknown");
  $("unknown").hidden = Boolean(sure);
  $("hits").replaceChildren(...hits.map((hit) => element("li", {}, [
    element("p", {}, [element("strong", { text: hit.text }), " ", element("span", { className: decisionClass(hit.decision), text: say(hit.decision) })]),
    element("p", { className: "hint", text: `id ${hit.id} · ${say("probability")} ${percent(hit.probability)} · ${say("score")} ${hit.score.toFixed(3)} · ${say("cosine")} ${hit.cosine.toFixed(3)}` }),
    ...Object.entries(hit.payload).map(([name, value]) => element("p", { className: "payload", text: `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}` })),
  ])));
}

let scored = [];
let stopping = null;

async function scoreRows() {
  const { pairs, leftOut } = toPairs(parse($("rows").value));
  if (!pairs.length) throw new Error(say("no_rows"));
  stopping = new AbortController();
  const began = performance.now();
  scored = [];
  $("stop").hidden = $("progress").hidden = false;
  $("download").hidden = $("threshold-box").hidden = $("score-rows").disabled = true;
  $("download").hidden = true;
  try {
    for (let start = 0; start < pairs.length && !stopping.signal.aborted; start += BATCH) {
      const part = pairs.slice(start, start + BATCH);
      const { results } = await call("/v1/score", { pairs: part.map(({ a, b }) => [a, b]) }, stopping.signal);
      scored.push(...part.map((pair, k) => ({ ...pair, ...results[k] })));
      const left = ((performance.now() - began) / scored.length) * (pairs.length - scored.length) / 1000;
      $("progress").value = scored.length / pairs.length;
      $("progress-text").textContent = say("progress", { done: scored.length, total: pairs.length, left: left.toFixed(0) });
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    $("progress-text").textContent = say("finished", { total: scored.length, seconds }) + (leftOut ? say("left_out", { count: leftOut }) : "");
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    $("stop").hidden = $("progress").hidden = true;
    $("score-rows").disabled = false;
    showScored();
  }
}

function showScored() {
  const names = ["row", "text_a", "text_b", "score", "probability", "decision", "label"];
  const labelled = scored.some((pair) => pair.label !== null);
  const head = element("tr", {}, names.slice(0, labelled ? 7 : 6).map((name) => element("th", { text: say(name), scope: "col" })));
  const rows = scored.slice(0, SHOWN_ROWS).map((pair, k) => element("tr", {}, [
    ...[k + 1, pair.a, pair.b, pair.score.toFixed(4), percent(pair.probability)].map((text) => element("td", { text })),
    element("td", { text: say(pair.decision), className: decisionClass(pair.decision) }),
    ...(labelled ? [element("td", { text: pair.label ?? "" })] : []),
  ]));
  $("scored").replaceChildren(...(scored.length ? [head, ...rows] : []));
  URL.revokeObjectURL($("download").href);
  // With a mark at its beginning, spreadsheets read it as UTF-8.
  $("download").href = URL.createObjectURL(new Blob(["\ufeff", toTsv(scored)], { type: "text/tab-separated-values" }));
  $("download").download = "scores.tsv";
  $("download").hidden = !scored.length;
  $("threshold-box").hidden = !labelled;
  if (labelled) showThreshold();
}

function showThreshold() {
  const threshold = Number($("threshold").value);
  const found = atThreshold(scored, threshold);
  $("threshold-value").textContent = threshold.toFixed(3);
  const numbers = {
    pairs: `${found.judged} / ${found.pairs}`, precision: percent(found.precision), recall: percent(found.recall),
    accuracy: percent(found.accuracy), wrong_yes: found.wrongYes, wrong_no: found.missed,
  };
  $("threshold-numbers").replaceChildren(...Object.entries(numbers).map(([name, value]) =>
    element("div", {}, [element("dt", { text: say(name) }), element("dd", { text: value, id: "at-" + name })])));
}

async function showModel() {
  const model = await call("/v1/model");
  const numbers = { name: model.model, threshold_of: model.threshold.toFixed(4), below: model.no_match_below.toFixed(4), documents: model.documents ?? "–" };
  $("model-numbers").replaceChildren(...Object.entries(numbers).map(([name, value]) =>
    element("div", {}, [element("dt", { text: say(name) }), element("dd", { text: value })])));
  $("card").textContent = model.card;
  if (!scored.length) $("threshold").value = model.threshold;
}

const tabs = [...document.querySelectorAll("[role='tab']")];

function choose(tab) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", other === tab);
    other.tabIndex = other === tab ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = other !== tab;
  }
  $("problem").hidden = true;
  if (tab.id === "tab-model") answering(showModel)();
}

for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    next.focus();
    choose(next);
  });
}

async function takeFile(file) {
  if (file) $("rows").value = await readText(file);
}

$("pair-form").addEventListener("submit", answering(comparePair));
$("search-form").addEventListener("submit", answering(find));
$("score-rows").addEventListener("click", answering(scoreRows));
$("stop").addEventListener("click", () => stopping.abort());
$("threshold").addEventListener("input", showThreshold);
$("file").addEventListener("change", answering((event) => takeFile(event.target.files[0])));
for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  $("drop").addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", over);
  });
}
$("drop").addEventListener("drop", answering((event) => takeFile(event.dataTransfer.files[0])));
$("language").addEventListener("click", () => {
  switchLanguage();
  if (scored.length) showScored();
});
showWords();
