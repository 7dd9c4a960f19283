// Each step asks the server for its command, tells how far it is, and then what it said.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const says = window.qantar.say;
  const line = (words, name = "p", look = "") => Object.assign(document.createElement(name), {textContent: words, className: look});
  const place = (form) => form.closest("section").querySelector(".done");
  const problems = (found) => found.map((p) => line(`${p.file}${p.line ? `, ${p.line}` : ""}${p.key ? `, ${p.key}` : ""}: ${p.what} ${p.rule} ${p.mend}`, "p", "problem"));
  const refused = (where, error) => { where.replaceChildren(...(error.problems ? problems(error.problems) : [line(error.message, "p", "problem")])); where.focus(); };

  const finished = (where, run) => {
    const told = run.state === "done" ? [] : [line(says(run.state === "stopped" ? "stopped" : "failed"))];
    // What the command wrote beside its result is progress; of one that failed it is why.
    const printed = run.printed || (run.state === "done" ? "" : run.lines.join("\n"));
    if (printed) told.push(line(printed, "pre"));
    const again = line(says("again"), "a");
    again.href = location.pathname;
    where.replaceChildren(line(run.command, "code"), ...told, again);
    where.focus();
  };
  const follow = (where, run) => {
    const stop = line(says("stop"), "button");
    stop.type = "button";
    stop.addEventListener("click", () => window.qantar.ask("DELETE", `/runs?id=${run.id}`).catch((error) => refused(where, error)));
    where.replaceChildren(line(run.command, "code"), line(says("running")), stop);
    const events = new EventSource(`/api/runs/watch?id=${run.id}`);
    events.onmessage = (event) => {
      const now = JSON.parse(event.data);
      if (now.state === "running") where.children[1].textContent = now.lines.at(-1) || says("running");
      else { events.close(); finished(where, now); }
    };
    events.onerror = () => { if (events.readyState === EventSource.CLOSED) return; events.close(); window.qantar.ask("GET", "/runs").then((all) => { const now = all.runs.find((r) => r.id === run.id); if (now) finished(where, now); }).catch((error) => refused(where, error)); };
  };

  for (const form of document.querySelectorAll("form.ask")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const where = place(form);
      const asked = Object.fromEntries([...form.elements].filter((e) => e.name).map((e) => [e.name, e.type === "checkbox" ? e.checked : e.value]));
      try {
        if (form.dataset.operation === "/own/check") {
          const found = await window.qantar.ask("GET", `/check?name=${encodeURIComponent(asked.name)}`);
          where.replaceChildren(...(found.problems.length ? problems(found.problems.map((p) => p[window.qantar.lang()])) : [line(says("clean"))]));
          where.focus();
        } else follow(where, await window.qantar.ask("POST", form.dataset.operation, {...asked, lang: window.qantar.lang()}));
      } catch (error) { refused(where, error); }
    });
  }
  document.getElementById("bring").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    const where = place(event.target);
    if (!file) return;
    try {
      const made = await window.qantar.ask("PUT", `/own/file?name=${encodeURIComponent(file.name)}`, file);
      const again = line(says("again"), "a");
      again.href = location.pathname;
      where.replaceChildren(line(says("brought", made)), again);
      where.focus();
    } catch (error) { refused(where, error); }
  });
});
