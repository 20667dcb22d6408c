"use strict";

// The page of "sept serve". The server draws documents (the elements of "sept html"); this script
// asks for them, hides what the reader does not want to see, and writes downloads.

const byId = (id) => document.getElementById(id);
const EXAMPLES = {
  "Parsing": "We present a neural transition-based parser for low-resource languages. The parser shares a bidirectional LSTM encoder across treebanks and is trained with multi-task learning. On twelve treebanks of Universal Dependencies it improves labeled attachment score by 2.3 points over a strong baseline.",
  "Vision": "Semantic segmentation of street scenes is important for autonomous driving. We propose a lightweight convolutional network that fuses features from RGB images and depth maps with an attention module. Experiments on Cityscapes show that our method reaches a higher mean intersection over union than networks of the same size.",
  "Speech": "This paper studies speaker adaptation for end-to-end speech recognition. We compare fine-tuning with adapter layers and report word error rate on LibriSpeech. Adapters need only two percent of the parameters.",
};

let model = { labels: [], min_score: 0 };
let answers = [];

async function ask(path, body) {
  const isFile = body instanceof Blob;
  const type = isFile ? "application/octet-stream" : "application/json";
  const options = body === undefined ? {} : { method: "POST", headers: { "content-type": type }, body: isFile ? body : JSON.stringify(body) };
  const response = await fetch(path, options);
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    throw new Error(answer.error || `the server answered with status ${response.status}`);
  }
  return response;
}

function say(text, isError) {
  byId("message").textContent = text;
  byId("message").classList.toggle("error", Boolean(isError));
}

// A text, or JSON lines, each an object with a document.
function documentsIn(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  if (lines.length && lines.every((line) => line.trim().startsWith("{"))) {
    try {
      return lines.map((line) => JSON.parse(line));
    } catch (error) {
      // Not JSON after all: a text that begins with a brace.
    }
  }
  return [{ text }];
}

async function predict() {
  const text = byId("text").value;
  if (!text.trim()) {
    say("Enter a text first.", true);
    return;
  }
  await show(async () => (await ask(`page/predict?${allScores()}`, documentsIn(text))).json());
}

const allScores = () => new URLSearchParams({ min_score: "0", top_labels: String(model.labels.length) });

// Draw the answers that a function gets, or show why it failed.
async function show(get) {
  byId("predict").disabled = true;
  say("Looking for entities…");
  try {
    answers = await get();
    draw();
  } catch (error) {
    say(error.message, true);
  } finally {
    byId("predict").disabled = false;
  }
}

function draw() {
  const area = byId("documents");
  area.replaceChildren();
  byId("details").textContent = "Select an entity to see the scores of all labels.";
  answers.forEach(({ prediction, html }, number) => {
    const article = document.createElement("article");
    const heading = document.createElement("h2");
    heading.textContent = prediction.title || prediction.doc_key || (answers.length > 1 ? `Document ${number + 1}` : "");
    if (heading.textContent) article.append(heading);
    const content = document.createElement("div");
    if (html === null) {
      content.className = "failed";
      content.textContent = `Not predicted: ${prediction.error}`;
    } else {
      // Drawn by the server's template, which escapes every text. Parsed as an inert document, so
      // that nothing in it could run before it is in the page, where the policy forbids it.
      const drawn = new DOMParser().parseFromString(html, "text/html");
      content.append(...drawn.body.childNodes);
    }
    article.append(content);
    article.dataset.document = number;
    area.append(article);
  });
  for (const entity of area.querySelectorAll(".entity")) {
    entity.tabIndex = 0;
    entity.setAttribute("role", "button");
    entity.setAttribute("aria-label", `${entity.querySelector(".words").textContent}: ${entity.dataset.label}`);
  }
  byId("results").hidden = false;
  update();
  const failed = answers.filter(({ html }) => html === null).length;
  say(failed ? `${failed} of ${answers.length} documents could not be predicted.` : `${shown().length} entities.`, failed > 0);
}

const lowestScore = () => Number(byId("score").value);
const isChosen = (label) => [...byId("labels").querySelectorAll("input")].some((box) => box.value === label && box.checked);
const isShown = (entity) => entity.score >= lowestScore() && isChosen(entity.label);
const wordsOf = (entity) => `${entity.start_word}-${entity.end_word}`;

function shown() {
  return answers.flatMap(({ prediction }) => (prediction.entities || []).filter(isShown));
}

// Hide entities, and relations of hidden entities, without asking the server again.
function update() {
  byId("score-value").textContent = lowestScore().toFixed(2);
  for (const article of byId("documents").children) {
    const { prediction } = answers[Number(article.dataset.document)];
    const visible = new Set((prediction.entities || []).filter(isShown).map(wordsOf));
    for (const entity of article.querySelectorAll(".entity")) {
      const off = !visible.has(entity.dataset.words);
      entity.classList.toggle("off", off);
      entity.tabIndex = off ? -1 : 0;
    }
    for (const row of article.querySelectorAll("tr[data-head]")) {
      row.classList.toggle("off", !visible.has(row.dataset.head) || !visible.has(row.dataset.tail));
    }
  }
}

function explain(element) {
  const { prediction } = answers[Number(element.closest("article").dataset.document)];
  const entity = prediction.entities.find((each) => wordsOf(each) === element.dataset.words && each.label === element.dataset.label);
  if (!entity) return;
  const scores = (entity.labels || [{ label: entity.label, score: entity.score }]).map(({ label, score }) => `${label} ${score.toFixed(3)}`);
  byId("details").textContent = `${entity.text} (characters ${entity.start} to ${entity.end}): ${scores.join(", ")}`;
}

// Downloads hold what is shown.
function filtered() {
  return answers.map(({ prediction }) => {
    if (!prediction.entities) return prediction;
    const kept = prediction.entities.map(isShown);
    const index = [];
    let count = 0;
    for (const keep of kept) index.push(keep ? count++ : -1);
    const entities = prediction.entities.filter((_, number) => kept[number]);
    const result = { ...prediction, entities };
    // In SciERC's format an entity is its words and its label, in the list of its sentence.
    const names = new Set(entities.map((entity) => `${wordsOf(entity)}-${entity.label}`));
    const places = new Set(entities.map(wordsOf));
    result.predicted_ner = prediction.predicted_ner.map((list) => list.filter(([start, end, label]) => names.has(`${start}-${end}-${label}`)));
    if (prediction.relations) {
      result.relations = prediction.relations
        .filter(({ head, tail }) => kept[head] && kept[tail])
        .map((relation) => ({ ...relation, head: index[relation.head], tail: index[relation.tail] }));
      result.predicted_relations = prediction.predicted_relations.map((list) => list.filter(([a, b, c, d]) => places.has(`${a}-${b}`) && places.has(`${c}-${d}`)));
    }
    return result;
  });
}

function save(content, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A cell that a spreadsheet would take for a formula is quoted by an apostrophe.
function cell(value) {
  let text = String(value ?? "");
  if (/^[=+\-@\t\r]/.test(text) && typeof value === "string") text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv() {
  const rows = [["document", "text", "label", "score", "start", "end"]];
  for (const prediction of filtered()) {
    for (const entity of prediction.entities || []) {
      rows.push([prediction.doc_key, entity.text, entity.label, entity.score, entity.start, entity.end]);
    }
  }
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

async function download(make) {
  try {
    await make();
  } catch (error) {
    say(error.message, true);
  }
}

// A text goes where it can be changed. Of other files, the server answers each record by a line.
async function open(file) {
  if (/\.(txt|text|md)$/i.test(file.name)) {
    byId("text").value = await file.text();
    await predict();
    return;
  }
  const query = allScores();
  query.set("name", file.name);
  await show(async () => {
    const lines = (await (await ask(`page/file?${query}`, file)).text()).split("\n").filter(Boolean);
    // The reason why a file was not read to its end has no drawing.
    return lines.map((line) => JSON.parse(line)).map((line) => (line.prediction ? line : { prediction: line, html: null }));
  });
}

async function start() {
  for (const name of Object.keys(EXAMPLES)) byId("example").append(new Option(name, name));
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    predict();
  });
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      predict();
    }
  });
  byId("file").addEventListener("change", (event) => {
    if (event.target.files.length) open(event.target.files[0]);
  });
  byId("example").addEventListener("change", (event) => {
    if (event.target.value) {
      byId("text").value = EXAMPLES[event.target.value];
      predict();
    }
  });
  for (const [kind, isOver] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    byId("text").addEventListener(kind, (event) => {
      event.preventDefault();
      byId("text").classList.toggle("dropping", isOver);
      if (kind === "drop" && event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
    });
  }
  byId("score").addEventListener("input", update);
  byId("labels").addEventListener("change", update);
  byId("documents").addEventListener("click", (event) => {
    const entity = event.target.closest(".entity");
    if (entity) explain(entity);
  });
  byId("documents").addEventListener("keydown", (event) => {
    const entity = event.target.closest(".entity");
    if (entity && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      explain(entity);
    }
  });
  byId("jsonl").addEventListener("click", () => save(filtered().map((each) => JSON.stringify(each) + "\n").join(""), "predictions.jsonl", "application/jsonl"));
  byId("csv").addEventListener("click", () => save(csv(), "entities.csv", "text/csv"));
  byId("brat").addEventListener("click", () => download(async () => save(await (await ask("page/brat", filtered())).blob(), "brat.zip")));
  byId("link").addEventListener("click", () => download(async () => {
    location.hash = new URLSearchParams({ text: byId("text").value }).toString();
    await navigator.clipboard.writeText(location.href);
    say("The link is in the clipboard. It holds the text.");
  }));
  try {
    model = await (await ask("model")).json();
  } catch (error) {
    say(error.message, true);
    return;
  }
  byId("model").textContent = `${model.name} ${model.version}`;
  byId("score").value = model.min_score;
  const order = (label) => model.colors[label];
  [...model.labels].sort((a, b) => order(a) - order(b)).forEach((label) => {
    const choice = document.createElement("label");
    choice.className = "choice";
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: label, checked: true });
    const name = document.createElement("span");
    name.textContent = label;
    name.className = `type${order(label)}`;
    choice.append(box, " ", name);
    byId("labels").append(choice);
  });
  update();
  const text = new URLSearchParams(location.hash.slice(1)).get("text");
  if (text) {
    byId("text").value = text;
    predict();
  }
}

start();
