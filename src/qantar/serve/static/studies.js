// A form of options: the command it stands for, mistakes beside their fields, the run as it goes on, its result.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const one = (id) => document.getElementById(id);
  const form = one("options");
  const asked = () => ({kind: form.dataset.kind, options: filled(), lang: window.qantar.lang()});

  const filled = () => {
    const options = {};
    for (const field of form.querySelectorAll("[data-field]")) {
      const {field: name, control} = field.dataset;
      if (control === "switch") options[name] = field.checked;
      else if (control === "entries") options[name] = [...field.querySelectorAll("input:checked")].map((box) => box.value);
      else if (control === "lines") options[name] = field.value.split("\n").map((line) => line.trim()).filter(Boolean);
      else options[name] = field.value.trim();
    }
    return options;
  };

  const tell = (problems) => {
    for (const field of form.querySelectorAll("[data-field]")) { one(`mistake-${field.dataset.field}`).textContent = ""; field.removeAttribute("aria-invalid"); }
    const others = [];
    for (const p of problems) {
      const name = /--([\w-]+)/.exec(p.key || p.file)?.[1];
      const field = name && form.querySelector(`[data-field="${name}"]`);
      const said = `${p.what} ${p.rule} ${p.mend}`;
      if (!field) { others.push(`${p.file}: ${said}`); continue; }
      one(`mistake-${name}`).textContent = said;
      field.setAttribute("aria-invalid", "true");
    }
    one("mistakes").textContent = others.join("\n");
  };

  const failed = (error) => { if (!error.problems) throw error; tell(error.problems); };

  let latest = 0;
  const check = async () => {
    const mine = ++latest;
    try {
      const said = await window.qantar.ask("POST", "/command", asked());
      if (mine === latest) { one("command").textContent = said.command; tell([]); }
    } catch (error) {
      if (!error.problems) throw error;
      if (mine === latest) tell(error.problems.filter((p) => p.code !== "missing_key"));  // what is still empty is said at the start
    }
  };
  let waiting;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(check, 300); });

  // What of the chosen scenario fits a field of lines, to be ticked; the lines are what counts.
  const said = (row, what) => ["en", "zh"].map((lang) => Object.assign(document.createElement("span"), {lang, textContent: row[`${what}_${lang}`] || row.arm}));
  for (const offers of form.querySelectorAll("[data-offers]")) {
    const lines = one(offers.dataset.for);
    const written = () => lines.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const scenario = form.querySelector("[data-field=scenario]");
    const tick = () => { for (const box of offers.querySelectorAll("input")) box.checked = written().includes(box.value); };
    const offer = async () => {
      const rows = scenario.value ? (await window.qantar.ask("GET", `/${offers.dataset.offers}?${new URLSearchParams({name: scenario.value})}`))[offers.dataset.offers] : [];
      offers.replaceChildren(...rows.map((row) => {
        const item = Object.assign(document.createElement("label"), {className: "tick"});
        const box = Object.assign(document.createElement("input"), {type: "checkbox", value: row.arm});
        const name = document.createElement("span");
        name.append(...said(row, row.name_en || row.name_zh ? "name" : "note"), " ", Object.assign(document.createElement("code"), {textContent: row.arm}));
        item.append(box, name);
        return item;
      }));
      offers.hidden = !rows.length;
      tick();
    };
    offers.addEventListener("input", ({target}) => { lines.value = [...written().filter((line) => line !== target.value), ...(target.checked ? [target.value] : [])].join("\n"); });
    lines.addEventListener("input", tick);
    scenario.addEventListener("input", () => offer().catch(failed));
    offer().catch(failed);
  }

  let source;
  const show = (run) => {
    one("going").hidden = false;
    for (const words of document.querySelectorAll("[data-state]")) words.hidden = words.dataset.state !== run.state;
    one("start").disabled = run.state === "running";
    one("stop").hidden = run.state !== "running";
    one("lines").textContent = run.lines.join("\n");
    if (run.command) one("command").textContent = run.command;
    const bar = one("progress");
    bar.hidden = run.state !== "running";
    if (run.progress) { bar.max = run.progress.total; bar.value = run.progress.done; } else bar.removeAttribute("value");
    one("left").textContent = run.state === "running" && run.progress ? `${run.progress.what} ${run.progress.done} / ${run.progress.total} ${run.progress.left ?? ""}` : "";
    if (run.problems.length) tell(run.problems);
  };
  const finish = async (run) => {
    if (run.state !== "done" || !run.folder) return;
    const address = `/result?folder=${encodeURIComponent(run.folder)}`;
    one("whole").href = address;
    one("whole").hidden = false;
    const page = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
    one("outcome").replaceChildren(...(page.getElementById("result")?.childNodes ?? []));
    window.qantar.speak();
  };
  const watch = (id) => {
    source?.close();
    source = new EventSource(`/api/runs/watch?id=${encodeURIComponent(id)}`);
    form.dataset.run = id;
    source.onmessage = (event) => {
      const run = JSON.parse(event.data);
      show(run);
      if (run.state !== "running") { source.close(); finish(run); }
    };
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) show({state: "lost", lines: [], problems: []}); };
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    latest++;
    one("start").disabled = true;
    one("outcome").replaceChildren();
    one("whole").hidden = true;
    try {
      const run = await window.qantar.ask("POST", "/runs", {...asked(), stays: one("stays").checked});
      tell([]);
      history.replaceState(null, "", `${location.pathname}?run=${run.id}`);
      show(run);
      one("going").scrollIntoView({block: "start"});
      watch(run.id);
    } catch (error) {
      one("start").disabled = false;
      failed(error);
      (form.querySelector("[aria-invalid=true]") ?? one("start")).focus();
    }
  });
  one("stop").addEventListener("click", () => window.qantar.ask("DELETE", `/runs?id=${encodeURIComponent(form.dataset.run)}`).catch(failed));
  if (form.dataset.run) watch(form.dataset.run); else check();
});
