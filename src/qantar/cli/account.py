"""Commands about accounts: the verdicts on their claims, outlines of documents, new ledgers."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from qantar.cli import progress
from qantar.cli import text as terminal
from qantar.cli.app import AccountArgument, CaseOption, Context, DocumentArgument, DocumentOption, JsonOption, app, ledger_app, one_of
from qantar.messages import text


@app.command(help="cli.verdicts")
def verdicts(
    context: Context,
    account: AccountArgument,
    kind: Annotated[str | None, typer.Option(help="cli.opt_kind")] = None,
    verdict: Annotated[str | None, typer.Option(help="cli.opt_verdict")] = None,
    section: Annotated[int | None, typer.Option(help="cli.opt_section")] = None,
    flag: Annotated[str | None, typer.Option(help="cli.opt_flag")] = None,
    document: DocumentOption = None,
    claim_review: Annotated[bool, typer.Option("--claim-review", help="cli.opt_claim_review")] = False,
    json: JsonOption = False,
) -> None:
    from qantar.account.schema import KINDS
    from qantar.report.claimreview import claim_reviews
    from qantar.verdicts.claims import FLAGS, WORDS, judge
    from qantar.verdicts.load import load_account

    lang = context.obj
    for option, value, known in (("--kind", kind, KINDS), ("--verdict", verdict, WORDS), ("--flag", flag, FLAGS)):
        one_of(option, value, known, lang)
    loaded = load_account(account)
    sys.stderr.write(notice(document, loaded.account, lang))
    if section is not None:
        sections = sorted({c.section for c in loaded.account.claims})
        one_of("--section", str(section), tuple(map(str, sections)), lang)
    wanted = {"kind": kind, "section": section}
    chosen = [
        j
        for j in judge(loaded.account, loaded.trials())
        if all(value in (None, getattr(j.claim, name)) for name, value in wanted.items())
        and verdict in (None, j.word)
        and (flag is None or flag in j.flags)
    ]
    if claim_review:
        if unready := [j.claim.claim_id for j in chosen if j.claim.verdict != "open" and {"draft", "unparaphrased"} & {*j.flags}]:
            sys.stderr.write(text("out.not_published", lang, n=len(unready), claims=", ".join(unready)) + "\n")
        sys.stdout.write(claim_reviews(loaded.account, chosen, lang))
        return
    if json:
        terminal.print_json([{**j.as_dict(), "repeat": j.repeat(loaded.name, loaded.case_name)} for j in chosen])
        return
    terminal.verdict_table(chosen, lang)
    terminal.earlier_verdicts(chosen, lang)
    terminal.rows_changed(loaded.account, lang)
    terminal.verdict_summary(loaded, chosen, lang)
    terminal.say(text("out.marks", lang))


@ledger_app.command(help="cli.outline")
def outline(
    context: Context,
    document: DocumentArgument,
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="ACCOUNT", help="cli.ledger")] = None,
    case: CaseOption = "kazakhstan-2022",
    every: Annotated[bool, typer.Option("--all", help="cli.all")] = False,
    json: JsonOption = False,
) -> None:
    from qantar.account.candidates import candidates
    from qantar.account.document import read_document
    from qantar.account.ledger import read_claims
    from qantar.account.skeleton import uncovered
    from qantar.cases.case import load_case
    from qantar.lookup.likely import likely
    from qantar.lookup.propose import propose_in

    with progress.progress(context.obj) as step:
        step("read")
        read = read_document(document)
        loaded = _ledger_for(read, ledger)
        country = loaded.case if loaded else load_case(case)
        account = loaded.account if loaded else None
        sentences = candidates(read, country.place_names(), country.head.country)
        found = uncovered(sentences, account)
        judged = account or read_claims(country.folder)  # what others have judged on the same days
        words = [c.sentence.text for c in sentences]
        near = likely(words, read.language, country, [c for c in judged.claims if c.verdict != "open"] if judged else ())
        every_proposal = propose_in(read, country)
        proposed = [every_proposal[c.sentence.position] for c in sentences]
    if json:
        terminal.print_json(terminal.outline_json(read, found, account, near, proposed))
        return
    terminal.outline(read, found, account, near, proposed, every, context.obj)
    if any(x.events or x.claims for x in near):
        terminal.say(text("out.likely_note", context.obj, case=loaded.name if loaded else case))
    sys.stderr.write(notice(document, account, context.obj) if account else "")


@ledger_app.command(help="cli.new")
def new(
    context: Context,
    document: DocumentArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="cli.out_new")] = None,
    case: CaseOption = "kazakhstan-2022",
    json: JsonOption = False,
) -> None:
    from qantar.account.candidates import candidates
    from qantar.account.document import read_document
    from qantar.account.skeleton import case_from, slug, write_skeleton
    from qantar.cases.case import case_names, load_case
    from qantar.lookup.beside import RECORD, TEXT, placed, records
    from qantar.lookup.draft import drafts
    from qantar.lookup.propose import propose_in

    with progress.progress(context.obj) as step:
        step("read")
        read = read_document(document)
        country = load_case(case)
        found = candidates(read, country.place_names(), country.head.country)
        folder = out or Path(f"{slug(read)}-ledger")
        every_proposal = propose_in(read, country)
        proposed = [every_proposal[c.sentence.position] for c in found]
        drafted = drafts(found, proposed, read, country)
        own = terminal.written_in(read.language)
        named = [
            (terminal.proposed_in(p, own) if p else "", p.rows if p else (), draft.get(f"evidence_{own}", ""))
            for p, draft in zip(proposed, drafted, strict=True)
        ]
        beside = {TEXT: [placed([c.sentence]) for c in found], RECORD: records([[c.sentence] for c in found], read, country, named)}
        home = case if case in case_names() else case_from(country.folder, folder)
        cells = [{**draft, **(p.cells() if p else {})} or None for draft, p in zip(drafted, proposed, strict=True)]
        write_skeleton(read, found, home, folder, cells, beside, country.record)
    n_proposed, n_drafts = sum(p is not None for p in proposed), sum(map(bool, drafted))
    if json:
        terminal.print_json(
            {"folder": str(folder), "claims": len(found), "proposed": n_proposed, "drafts": n_drafts, "sha256": read.sha256}
        )
        return
    terminal.say(text("out.new_written", context.obj, path=folder, n=len(found), document=document))
    words = " ".join(s.text for s in read.sentences())
    if not any(name in words for name in country.place_names()):
        terminal.say(text("out.new_elsewhere", context.obj, case=case))
    if n_proposed or not n_drafts:
        terminal.say(text("out.new_proposed" if n_proposed else "out.new_unproposed", context.obj, n=n_proposed))
    if n_drafts:
        terminal.say(text("out.new_drafts", context.obj, n=n_drafts))


@ledger_app.command(help="cli.sheet")
def sheet(
    context: Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="cli.arg_ledger")],
    document: Annotated[Path | None, typer.Option("--document", metavar="FILE", help="cli.document_beside")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.account.workbook import align

    beside, sha = _beside(folder, document, context.obj) if document else ({}, "")
    done = align(folder, beside=beside, sha=sha)
    if json:
        terminal.print_json([{"read": a.read, "wrote": a.wrote, "rows": a.rows} for a in done])
    for aligned in [] if json else done:
        terminal.say(text("out.sheet_written", context.obj, read=aligned.read, wrote=aligned.wrote, n=aligned.rows))
    if not json:
        terminal.say(text("out.sheet_beside" if document else "out.sheet_without", context.obj, path=folder))


def _beside(folder: Path, document: Path, lang: str) -> tuple[dict[str, dict[str, str]], str]:
    """What stands beside the claims of a ledger: the sentences of a document, and the rows of the record; and the document's SHA-256."""
    from qantar.account.document import read_document
    from qantar.lookup.beside import RECORD, TEXT, placed, records, texts_of
    from qantar.verdicts.load import load_account

    loaded, read = load_account(_here(folder)), read_document(document)
    sys.stderr.write(notice(document, loaded.account, lang))
    said = texts_of(loaded.account.claims, read)
    own = terminal.written_in(read.language)
    named = [(getattr(c, f"proposed_{own}"), (*c.events, *c.proposed_rows), getattr(c, f"evidence_{own}")) for c in loaded.account.claims]
    told = records(list(said.values()), read, loaded.case, named)
    return {TEXT: {key: placed(found) for key, found in said.items()}, RECORD: dict(zip(said, told, strict=True))}, read.sha256


@ledger_app.command(help="cli.keep")
def keep(
    context: Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="cli.arg_ledger")],
    claims: Annotated[list[str] | None, typer.Argument(metavar="[CLAIM]...", help="cli.arg_keep")] = None,
    json: JsonOption = False,
) -> None:
    from qantar.account.kept import KEPT, kept_text
    from qantar.account.kept import keep as run
    from qantar.files.write import write_bytes
    from qantar.verdicts.load import load_account

    loaded = load_account(_here(folder))
    for claim in claims or ():
        one_of("CLAIM", claim, tuple(loaded.account.claims.ids()), context.obj)
    kept = run(loaded.account.claims, loaded.case.record, loaded.account.kept, claims or ())
    path, rows = loaded.account.folder / KEPT, len({row for said in kept.values() for row in said})
    write_bytes(path, kept_text(kept).encode())
    if json:
        terminal.print_json({"file": str(path), "claims": len(kept), "rows": rows})
    else:
        terminal.say(text("out.kept", context.obj, path=path, n=len(kept), rows=rows))


def _here(folder: Path) -> str:
    """What the loader is asked for a folder: by name alone it might be a packaged ledger, which nobody's notes belong to."""
    from qantar.cases.case import packaged_names

    return str(folder.absolute() if str(folder) in packaged_names() else folder)


def notice(path: Path | None, account: Any, lang: str) -> str:
    """Which file the claims were read from if not the one named, whether the document at hand is the one the ledger was written for, and
    claims that stand where it has no text.
    """
    other = read_instead(account, lang)
    if path is None:
        return other
    from qantar.account.document import read_document

    document = read_document(path)
    match = account.match(document)
    args = {"ledger": account.head.id}
    if match == "other":
        args |= {"sha": document.sha256[:12], "expected": account.head.document.sha256[:12]}
    lines = [text(f"out.{match}", lang, **args)]
    positions = [s.position for s in document.sentences()]
    if lost := [c.claim_id for c in account.claims if not any(map(c.covers, positions))]:
        lines.append(text("out.no_such_place", lang, n=len(lost), claims=", ".join(lost[:10])))
    return other + "\n".join(lines) + "\n"


def read_instead(account: Any, lang: str) -> str:
    """A line that names the file of the claims where it is not the one that `account.toml` names."""
    from qantar.files.sheet import file_of

    read, named = file_of(account.claims.file), account.head.files.claims
    return "" if read == Path(named).name else text("out.read_instead", lang, read=read, named=named) + "\n"


def _ledger_for(document: Any, name: str | None) -> Any:
    """The ledger asked for, else the packaged one written for this document, else None."""
    from qantar.account.ledger import read_head
    from qantar.cases.case import case_names, cases_folder
    from qantar.errors import Problems
    from qantar.verdicts.load import load_account

    heads = ((n, read_head(cases_folder() / n, Problems())) for n in case_names())  # a whole case takes a second
    found = name or next((n for n, head in heads if head and head.document.match(document) != "other"), None)
    return load_account(found) if found else None
