"""Opens exported arguments with programs of others: `python dev/exchange_check.py FOLDER`, the result of `qantar argument`.

Needs `pip install arguebuf` and, in the current folder, `npm install @argdown/core`. Not part of the tests: both bring much else with them.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

ARGDOWN = """
const { ArgdownApplication, ParserPlugin, ModelPlugin, DataPlugin } = require("@argdown/core");
const app = new ArgdownApplication();
app.addPlugin(new ParserPlugin(), "parse-input");
app.addPlugin(new DataPlugin(), "build-model");
app.addPlugin(new ModelPlugin(), "build-model");
const input = require("fs").readFileSync(process.argv[1], "utf8");
const r = app.run({ process: ["parse-input", "build-model"], input, logLevel: "error", throwExceptions: true });
const texts = Object.fromEntries(Object.entries(r.statements).map(([k, s]) => [k, s.members.map(m => m.text).find(t => t)]));
const steps = Object.fromEntries(Object.entries(r.arguments).map(([k, a]) => [k, a.pcs.map(s => s.title)]));
console.log(JSON.stringify({ errors: (r.parserErrors || []).length + (r.lexerErrors || []).length, texts, steps }));
"""


def main(folder: Path) -> None:
    """Both formats, opened and compared with the tables beside them."""
    import arguebuf

    rows = list(csv.DictReader((folder / "inferences.csv").read_text(encoding="utf-8").splitlines()))
    steps = sum(1 if r["link"] == "linked" else len(r["premises"].split(";")) for r in rows)
    claims = {c for r in rows for c in (r["conclusion"], *r["premises"].split(";"))}
    theirs = arguebuf.load.aif(json.loads((folder / "argument.aif.json").read_text(encoding="utf-8")))
    assert (len(theirs.atom_nodes), len(theirs.scheme_nodes)) == (len(claims), steps)
    done = subprocess.run(["node", "-e", ARGDOWN, str(folder / "argument.argdown")], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert (found["errors"], set(found["texts"]), len(found["steps"])) == (0, claims, steps), found["errors"]
    ours = {n["nodeID"]: n["text"] for n in json.loads((folder / "argument.aif.json").read_text(encoding="utf-8"))["nodes"]}
    differ = [c for c in claims if found["texts"][c] != ours[c]]
    assert not differ, differ
    print(f"arguebuf and @argdown/core: {len(claims)} statements, {steps} inferences, every text the same")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
