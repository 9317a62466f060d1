// Rows of a pasted table or a dropped file.
import { say } from "./words.js";

// Text of a file: UTF-8 where it is that, else GB18030, which Chinese spreadsheets write.
export async function readText(file) {
  const bytes = await file.arrayBuffer();
  for (const encoding of ["utf-8", "gb18030"]) {
    try {
      return new TextDecoder(encoding, { fatal: true }).decode(bytes);
    } catch {
      continue;
    }
  }
  throw new Error(say("not_text"));
}

// Cells of TSV, or of CSV with quotes.
export function parse(text) {
  const separator = text.includes("\t") ? "\t" : ",";
  const rows = [];
  let row = [], cell = "", quoted = false;
  const endCell = () => { row.push(cell); cell = ""; };
  const endRow = () => { endCell(); rows.push(row); row = []; };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') { cell += '"'; i++; }
      else quoted = false;
    } else if (c === '"' && separator === "," && !cell.trim()) { quoted = true; cell = ""; }
    else if (c === separator) endCell();
    else if (c === "\n" || c === "\r") { if (c === "\r" && text[i + 1] === "\n") i++; endRow(); }
    else cell += c;
  }
  if (cell || row.length) endRow();
  return rows;
}

const HEADER = /^(text_?a|sentence_?1|question_?1|query|句子1|文本1|问题1|标准问)$/i;

// Pairs with labels where there are any, and how many rows hold none.
export function toPairs(rows) {
  const filled = rows.filter((row) => row.some((cell) => cell.trim()));
  const body = filled.length && HEADER.test(filled[0][0].trim()) ? filled.slice(1) : filled;
  const pairs = body
    .filter((row) => row.length >= 2 && row[0].trim() && row[1].trim())
    .map((row) => ({ a: row[0].trim(), b: row[1].trim(), label: /^[01]$/.test((row[2] || "").trim()) ? Number(row[2]) : null }));
  return { pairs, leftOut: body.length - pairs.length };
}

export function toTsv(pairs) {
  const clean = (text) => text.replace(/[\t\r\n]+/g, " ");
  const labelled = pairs.some((pair) => pair.label !== null);
  const lines = pairs.map((pair) =>
    [clean(pair.a), clean(pair.b), pair.score.toFixed(6), pair.probability.toFixed(6), pair.decision, ...(labelled ? [pair.label ?? ""] : [])].join("\t"));
  return ["text_a\ttext_b\tscore\tprobability\tdecision" + (labelled ? "\tlabel" : ""), ...lines].join("\n") + "\n";
}

// What a threshold on the score makes of labelled pairs.
export function atThreshold(pairs, threshold) {
  const known = pairs.filter((pair) => pair.label !== null && pair.score !== undefined);
  const count = (label, judged) => known.filter((pair) => pair.label === label && pair.score >= threshold === judged).length;
  const found = count(1, true), wrongYes = count(0, true), missed = count(1, false), right = count(0, false);
  return {
    pairs: known.length, judged: found + wrongYes, wrongYes, missed,
    precision: found / (found + wrongYes), recall: found / (found + missed), accuracy: (found + right) / known.length,
  };
}
