// Each cell of a ledger is written when it is left or rests for a second, with what was in it before: nobody's words are written over.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const count = document.getElementById("count");
  if (!count) return;
  const {name, table, key} = count.dataset;
  const cards = document.getElementById("cards");
  const says = window.qantar.say;
  const pending = new Set();  // fields whose words are not in the file yet
  const timers = new Map();
  const queues = new Map();  // one write of a field after the other

  const state = (input, words, wrong = false) => {
    const field = input.closest(".field");
    field.classList.toggle("wrong", wrong);
    input.toggleAttribute("aria-invalid", wrong);
    field.querySelector(".state").textContent = words;
  };
  const settle = (input) => { if (input.seen === input.value) pending.delete(input); else pending.add(input); };
  const write = async (input) => {
    clearTimeout(timers.get(input));
    if (input.value === input.seen) { settle(input); if (input.closest(".wrong")) state(input, ""); return; }
    const value = input.value;
    state(input, says("saving"));
    try {
      const body = {name, table, row: input.closest(".card").dataset.row, column: input.dataset.column, seen: input.seen, value};
      const answer = await window.qantar.ask("PUT", "/ledger/cell", body);
      input.closest(".card").cells = answer.row;
      input.seen = answer.row[input.dataset.column] ?? "";
      if (input.value === value) input.value = input.seen;
      state(input, says("saved"));
      if (input.dataset.column === "verdict") input.closest(".card").dataset.verdict = input.seen;
      show();
    } catch (error) {
      refused(input, error, value);
    }
    settle(input);
  };
  const refused = (input, error, value) => {
    const problem = error.problems?.[0];
    state(input, problem ? `${says("unsaved")} ${problem.what} ${problem.rule} ${problem.mend}` : `${says("unsaved")} ${error.message}`, true);
    if (problem?.code !== "changed_meanwhile") return;
    const place = input.closest(".field").querySelector(".state");
    const button = (word, act) => {
      const made = Object.assign(document.createElement("button"), {type: "button", textContent: says(word)});
      made.addEventListener("click", act);
      place.append(document.createElement("br"), made);
    };
    window.qantar.ask("GET", `/ledger?name=${encodeURIComponent(name)}`).then((found) => {
      const row = found.tables[table].rows.find((r) => r[key] === input.closest(".card").dataset.row);
      const theirs = row?.[input.dataset.column] ?? "";
      button("take", () => { input.seen = theirs; input.value = theirs; state(input, ""); settle(input); input.focus(); });
      button("mine", () => { input.seen = theirs; input.value = value; save(input); input.focus(); });
    }).catch(() => { /* what was wrong stands there already */ });
  };
  const save = (input) => {
    const after = (queues.get(input) ?? Promise.resolve()).then(() => write(input));
    queues.set(input, after);
    return after;
  };

  const dress = (base, row) => {
    for (const input of base.querySelectorAll("[data-column]")) {
      const value = row[input.dataset.column] ?? "";
      input.id = `${row[key]}-${input.dataset.column}`;
      input.closest(".field").querySelector("label").htmlFor = input.id;
      // A word that is none of the list stays to be seen and mended.
      if (input.matches("select") && ![...input.options].some((o) => o.value === value)) input.add(new Option(value, value));
      input.value = value;
      input.seen = input.value;
      input.addEventListener("input", () => { settle(input); clearTimeout(timers.get(input)); timers.set(input, setTimeout(() => save(input), 1000)); });
      input.addEventListener("change", () => save(input));
    }
  };
  const copy = (id) => document.getElementById(id).content.cloneNode(true);
  const cardOf = (row, eye = {}) => {
    const card = copy("card").firstElementChild;
    card.dataset.row = row[key];
    card.dataset.verdict = row.verdict ?? "";
    card.cells = row;
    card.querySelector("h2").textContent = row[key] + (row.section ? `, ${says("place", row)}` : "");
    if (eye.text?.[row[key]]) {
      card.querySelector(".beside").hidden = false;
      card.querySelector(".said").textContent = eye.text[row[key]];
      card.querySelector(".recorded").textContent = eye.record?.[row[key]] || says("nothing");
    }
    dress(card, row);
    card.querySelector("details").addEventListener("toggle", (event) => {
      if (event.currentTarget.querySelector(".fields")) return;
      event.currentTarget.append(copy("more"));
      dress(event.currentTarget, card.cells);
      window.qantar.speak();
      event.currentTarget.querySelector(".remove").addEventListener("click", (click) => remove(card, click.currentTarget));
    });
    return card;
  };
  const remove = async (card, button) => {
    if (button.dataset.sure !== "1") { button.dataset.sure = "1"; button.textContent = says("sure"); return; }
    try {
      await window.qantar.ask("POST", "/ledger/remove", {name, table, row: card.dataset.row, cells: card.cells});
      const next = card.nextElementSibling ?? card.previousElementSibling;
      card.remove();
      show();
      (next?.querySelector("h2") ?? document.getElementById("add")).focus();
    } catch (error) { tell(error.message); }
  };

  const problems = document.getElementById("problems");
  const tell = (words) => { problems.textContent = words; problems.hidden = false; problems.focus(); };
  const which = document.getElementById("which");
  const words = document.getElementById("words");
  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards.children) {
      const beside = card.querySelector(".beside").textContent;
      const text = [...Object.values(card.cells), ...[...card.querySelectorAll("[data-column]")].map((i) => i.value), beside].join(" ").toLowerCase();
      card.hidden = (which?.value === "open" && card.dataset.verdict !== "open") || !wanted.every((word) => text.includes(word));
      shown += card.hidden ? 0 : 1;
    }
    const open = [...cards.children].filter((card) => card.dataset.verdict === "open").length;
    count.textContent = says("count", {shown, all: cards.children.length, open});
  };
  which?.addEventListener("change", show);
  words.addEventListener("input", show);
  document.addEventListener("spoken", show);

  document.getElementById("add").addEventListener("click", async () => {
    const id = table === "sources" ? `S${Date.now() % 1e6}` : undefined;
    const last = cards.lastElementChild;
    const of = (column) => last?.querySelector(`[data-column="${column}"]`)?.value || "1";
    const cells = table === "claims" ? {section: of("section"), paragraph: of("paragraph"), kind: "fact", verdict: "open"} : {[key]: id, title: "?"};
    try {
      const {row} = await window.qantar.ask("POST", "/ledger/row", {name, table, cells});
      const card = cardOf(row);
      cards.append(card);
      window.qantar.speak();
      show();
      card.querySelector("textarea, input").focus();
    } catch (error) { tell(error.message); }
  });

  // The way from a mistake to the field in which it is made: lines of the file are rows, and more lines where a cell has several.
  const target = (p) => {
    let line = 2;
    const card = p.file === count.dataset.file && p.line && [...cards.children].find((c) => {
      const here = line === p.line;
      line += 1 + Object.values(c.cells).join("").split("\n").length - 1;
      return here;
    });
    if (!card) return null;
    const field = () => card.querySelector(`[data-column="${CSS.escape(p.key)}"]`);
    const label = field()?.closest(".field").querySelector(`label [lang=${window.qantar.lang()}]`)?.textContent ?? p.key;
    const button = Object.assign(document.createElement("button"), {type: "button", textContent: `${card.dataset.row} · ${label}`});
    button.addEventListener("click", () => {
      card.hidden = false;
      const more = card.querySelector("details");
      const go = () => { const at = field() ?? card.querySelector("h2"); at.scrollIntoView({block: "center"}); at.focus({preventScroll: true}); };
      if (field() || more.open) { more.open ||= Boolean(field()?.closest("details")); go(); } else { more.addEventListener("toggle", () => setTimeout(go), {once: true}); more.open = true; }
    });
    return button;
  };
  document.getElementById("check").addEventListener("click", async () => {
    try {
      const found = await window.qantar.ask("GET", `/check?name=${encodeURIComponent(name)}`);
      const lang = window.qantar.lang();
      const lines = found.problems.map((p) => p[lang]).map((p) => {
        const told = document.createElement("p");
        const to = target(p);
        if (to) told.append(to);
        told.append(`${to ? "" : `${p.file}${p.line ? `, ${p.line}` : ""}${p.key ? `, ${p.key}` : ""}: `}${p.what} ${p.rule} ${p.mend}`);
        return told;
      });
      problems.replaceChildren(...(lines.length ? lines : [Object.assign(document.createElement("p"), {textContent: says("clean")})]));
      problems.hidden = false;
      problems.focus();
    } catch (error) { tell(error.message); }
  });

  window.qantar.ask("GET", `/ledger?name=${encodeURIComponent(name)}`).then((found) => {
    cards.append(...found.tables[table].rows.map((row) => cardOf(row, table === "claims" ? found.beside : {})));
    cards.removeAttribute("aria-busy");
    window.qantar.speak();
    show();
  }).catch((error) => tell(error.message));
  addEventListener("beforeunload", (event) => { if (pending.size) event.preventDefault(); });
});
