"""The command that opens the local page."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from qantar.cli.app import Context, app
from qantar.messages import text


@app.command(help="cli.serve")
def serve(
    context: Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="cli.arg_serve")] = Path(),
    port: Annotated[int, typer.Option(min=0, max=65535, help="cli.opt_port")] = 8765,
    host: Annotated[str, typer.Option(help="cli.opt_host")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--open", help="cli.opt_open")] = False,
) -> None:
    import ipaddress
    import os
    import secrets
    import socket
    import webbrowser

    from qantar.errors import ResultError, StudyError, fail

    lang = context.obj
    if not folder.is_dir():
        raise fail(StudyError, folder, "no_folder")
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise fail(ResultError, f"{host}:{port}", "cannot_listen", reason=error.strerror or str(error)) from None
    address, port = listening.getsockname()[:2]
    try:
        alone = ipaddress.ip_address(address).is_loopback
    except ValueError:
        alone = False
    token = None if alone else secrets.token_urlsafe(24)
    import uvicorn

    from qantar.serve.app import create_app

    os.chdir(folder)  # commands that pages show are those that work here
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/" + (f"?token={token}" if token else "")
    sys.stdout.write(text("out.serving", lang, url=url, folder=Path.cwd()) + "\n")
    sys.stdout.flush()
    if browser:
        webbrowser.open(url)
    app_of = create_app(Path.cwd(), host, port, token, warm=True)
    config = uvicorn.Config(app_of, log_level="warning", lifespan="on", timeout_graceful_shutdown=3, server_header=False)
    uvicorn.Server(config).run(sockets=[listening])
