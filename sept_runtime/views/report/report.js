"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const classOf = (label) => `type${data.labels.indexOf(label)}`;
const digits = (number) => number.toLocaleString("en");
const STEP = 50;

let chosen = null;
let shown = STEP;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Bars of documents per value, each as tall as its share of the largest.
function bars(trend, label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const width = 100 / trend.length;
  const largest = Math.max(...trend, 1);
  svg.setAttribute("viewBox", "0 0 100 20");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", classOf(label));
  svg.setAttribute("role", "img");
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = trend.map((count, index) => `${data.values[index]}: ${count}`).join(", ");
  svg.append(title);
  trend.forEach((count, index) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const height = (20 * count) / largest;
    bar.setAttribute("x", index * width);
    bar.setAttribute("y", 20 - height);
    bar.setAttribute("width", width * 0.85);
    bar.setAttribute("height", height);
    svg.append(bar);
  });
  return svg;
}

function matching() {
  const wanted = byId("search").value.trim().toLowerCase();
  return data.entities
    .filter((entity) => (chosen === null || entity.label === chosen) && entity.name.toLowerCase().includes(wanted))
    .sort((a, b) => b.documents - a.documents || b.mentions - a.mentions);
}

function draw() {
  const found = matching();
  const rows = found.slice(0, shown).map((entity) => {
    const row = element("tr");
    const name = element("td");
    const button = element("button", entity.name);
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => open(entity, row, button));
    name.append(button);
    const label = element("td");
    label.append(element("span", entity.label, `chip ${classOf(entity.label)}`));
    const documents = element("td", digits(entity.documents), "number");
    row.append(name, label, documents, element("td", digits(entity.mentions), "number mentions"));
    if (data.values.length) {
      const trend = element("td", undefined, "trend");
      trend.append(bars(entity.trend, entity.label));
      row.append(trend);
    }
    return row;
  });
  document.querySelector("#entities tbody").replaceChildren(...rows);
  byId("more").hidden = found.length <= shown;
  const total = found.length === data.entities.length ? "" : ` of ${digits(data.entities.length)}`;
  byId("found").textContent = `${digits(found.length)}${total} entities`;
}

// Show the sentences that an entity occurs in below its row, or hide them.
function open(entity, row, button) {
  if (row.nextSibling?.className === "sentences") {
    row.nextSibling.remove();
    button.setAttribute("aria-expanded", "false");
    return;
  }
  const below = element("tr", undefined, "sentences");
  const cell = element("td");
  cell.colSpan = row.cells.length;
  for (const [text, start, end, where, value] of entity.sentences) {
    const line = element("p");
    // Characters are code points, and a string's are code units.
    const characters = [...text];
    const mark = element("mark", characters.slice(start, end).join(""), classOf(entity.label));
    line.append(characters.slice(0, start).join(""), mark, characters.slice(end).join(""), " ");
    line.append(element("small", [where, value].filter(Boolean).join(", ")));
    cell.append(line);
  }
  below.append(cell);
  row.after(below);
  button.setAttribute("aria-expanded", "true");
}

function start() {
  if (!data.values.length) byId("trend-head").remove();
  else byId("trend-head").textContent = [...new Set([data.values[0], data.values.at(-1)])].join("–");
  for (const label of data.labels) {
    const button = element("button", label, classOf(label));
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      chosen = chosen === label ? null : label;
      for (const other of byId("labels").children) other.setAttribute("aria-pressed", String(other.textContent === chosen));
      shown = STEP;
      draw();
    });
    byId("labels").append(button);
  }
  byId("search").addEventListener("input", () => {
    shown = STEP;
    draw();
  });
  byId("more").addEventListener("click", () => {
    shown += STEP;
    draw();
  });
  for (const { heads, relation, tails, rows } of data.pairs) {
    byId("pairs").append(element("h2", `${heads} ${relation} ${tails}`));
    const table = element("table");
    for (const [head, tail, documents] of rows) {
      const row = element("tr");
      row.append(element("td", head), element("td", tail), element("td", digits(documents), "number"));
      table.append(row);
    }
    byId("pairs").append(table);
  }
  draw();
}

start();
