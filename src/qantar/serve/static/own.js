// Each step asks the server for its command, tells how far it is, and then what it said.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const says = window.qantar.say;
  const line = (words, name = "p", look = "") => Object.assign(document.createElement(name), {textContent: words, className: look});
  const place = (form) => form.closest("section").querySelector(".done");
  const problems = (found) => found.map((p) => line(`${p.file}${p.line ? `, ${p.line}` : ""}${p.key ? `, ${p.key}` : ""}: ${p.what} ${p.rule} ${p.mend}`, "p", "problem"));
  const refused = (where, error) => { where.replaceChildren(...(error.problems ? problems(error.problems) : [line(error.message, "p", "problem")])); where.focus(); };

  // Where what a step has made is looked at.
  const NEXT = {new: ["/story", "name"], import: ["/story", "into"], ledger: ["/ledger", "out"]};
  const finished = (where, run, asked) => {
    const step = where.closest("section").id;
    const next = NEXT[step] ? Object.assign(line(says(step), "a"), {href: `${NEXT[step][0]}?name=${encodeURIComponent(asked[NEXT[step][1]])}`}) : "";
    const told = run.state === "done" ? [] : [line(says(run.state === "stopped" ? "stopped" : "failed"))];
    // What the command wrote beside its result is progress; of one that failed it is why.
    const printed = run.printed || (run.state === "done" ? "" : run.lines.join("\n"));
    if (printed) told.push(line(printed, "pre"));
    where.replaceChildren(line(run.command, "code"), ...told, ...(run.state === "done" ? [next] : []));
    where.focus();
    refresh();
  };
  // What is there now can be chosen in every step; what has newly come is chosen, all else stays as it was.
  const refresh = async () => {
    const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
    for (const made of page.querySelectorAll("section:has(.fresh)")) {
      const here = document.querySelector(`#${made.id} .fresh`);
      const before = new Map([...here.querySelectorAll("[name]")].map((e) => [e.name, e]));
      here.replaceChildren(...made.querySelector(".fresh").childNodes);
      for (const control of here.querySelectorAll("[name]")) {
        const old = before.get(control.name);
        if (!old) continue;
        if (control.type === "checkbox") control.checked = old.checked;
        else control.value = old.value;
        if (!control.options) continue;
        const known = [...old.options].map((o) => o.value);
        const come = [...control.options].find((o) => !known.includes(o.value) && !(control.name === "file" && o.value.endsWith(".txt")));
        if (come) control.value = come.value;
      }
    }
    window.qantar.speak();
  };
  const follow = (where, run, asked) => {
    const stop = line(says("stop"), "button");
    stop.type = "button";
    stop.addEventListener("click", () => window.qantar.ask("DELETE", `/runs?id=${run.id}`).catch((error) => refused(where, error)));
    where.replaceChildren(line(run.command, "code"), line(says("running")), stop);
    const events = new EventSource(`/api/runs/watch?id=${run.id}`);
    events.onmessage = (event) => {
      const now = JSON.parse(event.data);
      if (now.state === "running") where.children[1].textContent = now.lines.at(-1) || says("running");
      else { events.close(); finished(where, now, asked); }
    };
    events.onerror = () => { if (events.readyState === EventSource.CLOSED) return; events.close(); window.qantar.ask("GET", "/runs").then((all) => { const now = all.runs.find((r) => r.id === run.id); if (now) finished(where, now, asked); }).catch((error) => refused(where, error)); };
  };

  document.getElementById("main").addEventListener("submit", async (event) => {
    const form = event.target;
    event.preventDefault();
    const where = place(form);
    const asked = Object.fromEntries([...form.elements].filter((e) => e.name).map((e) => [e.name, e.type === "checkbox" ? e.checked : e.value]));
    try {
      if (form.dataset.operation === "/own/check") {
        const found = await window.qantar.ask("GET", `/check?name=${encodeURIComponent(asked.name)}`);
        where.replaceChildren(...(found.problems.length ? problems(found.problems.map((p) => p[window.qantar.lang()])) : [line(says("clean"))]));
        where.focus();
      } else follow(where, await window.qantar.ask("POST", form.dataset.operation, {...asked, lang: window.qantar.lang()}), asked);
    } catch (error) { refused(where, error); }
  });
  document.getElementById("bring").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    const where = place(event.target);
    if (!file) return;
    try {
      const made = await window.qantar.ask("PUT", `/own/file?name=${encodeURIComponent(file.name)}`, file);
      where.replaceChildren(line(says("brought", made)));
      where.focus();
      refresh();
    } catch (error) { refused(where, error); }
  });
});
