// The words of the page, in both languages.
export const WORDS = {
  zh: {
    skip: "跳到正文", tagline: "两句话是不是一个意思？新问题对应库里的哪一条？", key: "密钥", sections: "页面栏目",
    tab_pair: "比较两句", tab_search: "找问题", tab_table: "批量打分", tab_model: "模型",
    text_a: "第一句", text_b: "第二句", compare: "比较", probability: "匹配概率", score: "分数",
    match: "匹配", "no match": "不匹配", unsure: "不确定",
    why: "为什么是这个分数", why_hint: "实线（蓝）的字把分数往上推，虚线（橙）的字往下拉；数字是它的贡献，全部相加再加基准 {base} 就是分数。",
    matrix: "逐字对照", matrix_hint: "每一格是两个字同时出现时多出来的那部分作用。",
    question: "问题", find: "查找", unknown: "不知道：库里没有对应的问题。", doubtful: "不确定，最接近的是：", nothing: "库里没有内容。",
    cosine: "余弦", table_hint: "每行两句，用制表符或逗号隔开；第三列写上 0 或 1（是否匹配），还可以看阈值的效果。文件只在本页读取，送去打分的只有句子。",
    drop: "选择或拖入 CSV、TSV 文件（UTF-8 或 GB18030）", paste: "或者粘贴在这里", score_rows: "打分", stop: "停止", download: "下载结果",
    progress: "{done} / {total}，还要 {left} 秒", finished: "{total} 行，用时 {seconds} 秒", left_out: "，略去 {count} 行（不足两列或为空）",
    threshold: "阈值", threshold_slide: "拖动看效果", pairs: "判为匹配", precision: "精确率", recall: "召回率", accuracy: "准确率", wrong_yes: "误判匹配", wrong_no: "漏判",
    name: "模型", threshold_of: "匹配阈值（分数）", below: "低于此分数为不匹配", documents: "库中句数", api: "接口文档", row: "行", label: "标注", decision: "判定",
    no_rows: "没有可以打分的行。", failed: "请求失败", not_text: "文件不是 UTF-8 或 GB18030 文本。",
  },
  en: {
    skip: "Skip to content", tagline: "Do two Chinese sentences mean the same? Which stored question does this one match?", key: "Key", sections: "Sections",
    tab_pair: "Two texts", tab_search: "Search", tab_table: "A table", tab_model: "Model",
    text_a: "First text", text_b: "Second text", compare: "Compare", probability: "Probability", score: "Score",
    match: "match", "no match": "no match", unsure: "unsure",
    why: "Why this score", why_hint: "Solid (blue) tokens raise the score, dashed (orange) ones lower it. The number is a token's contribution; all of them and the base {base} sum to the score.",
    matrix: "Token by token", matrix_hint: "Each cell is what two tokens add together, beyond what each adds alone.",
    question: "Question", find: "Search", unknown: "I don't know: no stored question matches.", doubtful: "Unsure. The nearest:", nothing: "The index is empty.",
    cosine: "cosine", table_hint: "Two texts a row, separated by a tab or a comma. With 0 or 1 in a third column (same or not), you can try thresholds. The file is read on this page; only the texts are sent.",
    drop: "Choose or drop a CSV or TSV file (UTF-8 or GB18030)", paste: "Or paste rows here", score_rows: "Score", stop: "Stop", download: "Download",
    progress: "{done} / {total}, {left} s left", finished: "{total} rows in {seconds} s", left_out: "; {count} left out (fewer than two columns, or empty)",
    threshold: "Threshold", threshold_slide: "Move it to see the effect", pairs: "judged a match", precision: "Precision", recall: "Recall", accuracy: "Accuracy", wrong_yes: "False matches", wrong_no: "Missed matches",
    name: "Model", threshold_of: "Match from this score on", below: "No match below this score", documents: "Stored texts", api: "API description", row: "row", label: "label", decision: "decision",
    no_rows: "There are no rows to score.", failed: "The request failed", not_text: "The file is neither UTF-8 nor GB18030 text.",
  },
};

let language = localStorage.getItem("textsim-language") || (navigator.language.startsWith("zh") ? "zh" : "en");

export function say(name, values = {}) {
  return WORDS[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export function showWords() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = say(element.dataset.t, { base: "" });
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", say(element.dataset.tLabel));
  const button = document.getElementById("language");
  button.textContent = language === "zh" ? "English" : "中文";
  button.lang = language === "zh" ? "en" : "zh-CN";
}

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem("textsim-language", language);
  showWords();
}
