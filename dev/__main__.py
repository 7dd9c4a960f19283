"""Sets up and runs everything on a machine that has only Python 3.11 or newer: `python3 dev study|test|evidence`.

Standard library only, and written so that an old Python can read it far enough to find a newer one.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(HERE, ".venv")
STAMP = os.path.join(VENV, "qantar-stamp")
OLDEST = (3, 11)
ACCOUNT = "kazakhstan-2022"


def find_python():
    """A Python new enough, this one if it is, else the newest on the PATH."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for minor in range(14, OLDEST[1] - 1, -1):
        found = shutil.which("python3.%d" % minor)
        if found:
            return found
    sys.exit(
        "dev: qantar needs Python %d.%d or newer; this is %s and no newer one is on the PATH.\n"
        "  Debian or Ubuntu: apt-get install python3.11 python3.11-venv. macOS: brew install python@3.13. Windows: python.org."
        % (OLDEST + (sys.version.split()[0],))
    )


def venv_python(folder=None):
    folder = folder or VENV
    return os.path.join(folder, "Scripts", "python.exe") if os.name == "nt" else os.path.join(folder, "bin", "python")


def run(arguments, what, **more):
    """Run a command; if it fails, say what was being done and stop with its status."""
    done = subprocess.run(arguments, cwd=HERE, check=False, **more)
    if done.returncode:
        sys.exit("dev: %s failed (status %d); see the lines above." % (what, done.returncode))


def pip(python, arguments, what):
    # A notice about newer pips is no news to a user of qantar. Python compiles a module when it is first imported: doing so for
    # all of them at once, of which few are ever used, took half of the time.
    run([python, "-m", "pip", "--disable-pip-version-check", "--quiet"] + arguments + ["--no-compile"], what)


def digest(paths):
    """One hash over files, by name and content: tells whether anything has to be done again."""
    total = hashlib.sha256()
    for path in sorted(paths):
        with open(path, "rb") as file:
            total.update(os.path.relpath(path, HERE).encode() + b"\0" + file.read())
    return total.hexdigest()


def needed(extras):
    """What the environment must match: dependencies, and the package itself. Each is a line of the stamp."""
    sources = [
        os.path.join(base, name) for base, _, names in os.walk(os.path.join(HERE, "src")) for name in names if not name.endswith(".pyc")
    ]
    declared = [os.path.join(HERE, name) for name in ("pyproject.toml", os.path.join("dev", "constraints.txt"))]
    return "deps " + digest(declared), "extras " + " ".join(extras), "package " + digest(sources + declared)


def read_stamp():
    try:
        with open(STAMP) as file:
            return file.read().splitlines()
    except OSError:
        return []


def set_up(extras):
    """Build `.venv` aside and rename it, so that a broken one is never in place; then install qantar into it."""
    start = time.monotonic()
    deps, with_extras, package = needed(extras)
    have = read_stamp()
    have_extras = next((line.split()[1:] for line in have if line.startswith("extras")), [])
    network = 0.0
    if deps not in have or not os.path.exists(venv_python()):
        print("Setting up .venv (once; a minute or two with a fast connection) ...", flush=True)
        network += build_environment(extras)
    elif not set(extras) <= set(have_extras):
        print("Adding %s to .venv ..." % ", ".join(set(extras) - set(have_extras)), flush=True)
        network += install_dependencies(venv_python(), extras)
        with_extras = "extras " + " ".join(sorted(set(extras) | set(have_extras)))
    else:
        with_extras = "extras " + " ".join(have_extras)
        if package in have:
            return
    if os.path.exists(STAMP):
        os.remove(STAMP)
    pip(venv_python(), ["install", "--no-deps", "--no-build-isolation", "--force-reinstall", HERE], "installing qantar")
    with open(STAMP + ".part", "w") as file:
        file.write("\n".join((deps, with_extras, package)) + "\n")
    os.replace(STAMP + ".part", STAMP)
    print("Set-up took %.0f s, %.0f s of it fetching and installing dependencies." % (time.monotonic() - start, network), flush=True)


def build_environment(extras):
    aside = os.path.join(HERE, ".venv.new")
    shutil.rmtree(aside, ignore_errors=True)
    made = subprocess.run([find_python(), "-m", "venv", aside], capture_output=True, text=True, check=False)
    if made.returncode:
        shutil.rmtree(aside, ignore_errors=True)
        sys.stderr.write(made.stdout + made.stderr)
        sys.exit(
            "dev: Python's venv module does not work here. A system package is missing:\n"
            "  Debian or Ubuntu: apt-get install python3-venv (or python3.%d-venv)." % sys.version_info[1]
        )
    network = install_dependencies(venv_python(aside), extras)
    shutil.rmtree(VENV, ignore_errors=True)
    os.rename(aside, VENV)
    # The activation scripts and pyvenv.cfg hold the path they were made at: write them again for the new one.
    run([find_python(), "-m", "venv", "--without-pip", VENV], "renaming .venv")
    return network


def install_dependencies(python, extras):
    """Install what pyproject.toml asks for, at the versions of dev/constraints.txt; returns the seconds it took."""
    import tomllib  # Python 3.11: `main` has made sure

    start = time.monotonic()
    with open(os.path.join(HERE, "pyproject.toml"), "rb") as file:
        declared = tomllib.load(file)
    wanted = declared["project"]["dependencies"] + declared["build-system"]["requires"]
    for extra in extras:
        wanted = wanted + declared["project"]["optional-dependencies"][extra]
    constraints = ["--constraint", os.path.join(HERE, "dev", "constraints.txt")]
    pip(python, ["install"] + constraints + wanted, "installing dependencies")
    return time.monotonic() - start


def study():
    set_up([])
    run([venv_python(), "-m", "qantar", "study", ACCOUNT], "the study")


def test():
    set_up(["test"])
    python = venv_python()
    # Every test needs the engines: compiled here, beside the checks of the source, and not by each worker.
    compiling = subprocess.Popen([python, "-c", "from qantar.ensemble.warm import compiled; compiled(now=True)"], cwd=HERE)
    run([python, "-m", "ruff", "check", "."], "ruff")
    run([python, "-m", "ruff", "format", "--check", "--quiet", "."], "ruff format")
    run([python, "-m", "mypy"], "mypy")
    if compiling.wait():
        sys.exit("dev: compiling the engines failed (status %d); see the lines above." % compiling.returncode)
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("No Chromium found: browser tests are skipped. Debian or Ubuntu: apt-get install chromium fonts-wqy-microhei", flush=True)
    # A file is one worker's: what its tests share is made once. Files keep their order: by number of tests the slow ones
    # would come last, and alone. One worker more than cores: many tests wait for a browser, a server or a process they started.
    workers = str(min(4, os.cpu_count() or 1) + 1)
    spread = ["--numprocesses", workers, "--dist", "loadfile", "--no-loadscope-reorder"]
    run([python, "-m", "pytest", "--quiet", "--durations=5"] + spread, "the tests")


EXTRAS = ["sensitivity", "neural"]
INSTALLED = "from qantar.cases.case import cases_folder; print(cases_folder())"


def evidence():
    """Everything that ships as evidence, made anew by `qantar evidence`; what is finished is taken over even if the night ends early."""
    set_up(EXTRAS)
    where = subprocess.run([venv_python(), "-c", INSTALLED], cwd=HERE, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        run([venv_python(), "-m", "qantar", "evidence", ACCOUNT], "qantar evidence")
    finally:
        take_over(os.path.join(where, ACCOUNT, "fit"), os.path.join(HERE, "src", "qantar", "cases", ACCOUNT, "fit"))


def take_over(made, place):
    """Put what was made in the environment into the sources."""
    if os.path.realpath(made) != os.path.realpath(place):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(made, place)


def main():
    # Without bytecode each of some hundred processes compiles all it imports anew; .venv is ours, and the rest of it git ignores.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    python = find_python()
    if os.path.realpath(python) != os.path.realpath(sys.executable):
        sys.exit(subprocess.run([python, os.path.abspath(__file__)] + sys.argv[1:], check=False).returncode)
    jobs = {"study": study, "test": test, "evidence": evidence}
    if len(sys.argv) != 2 or sys.argv[1] not in jobs:
        sys.exit("usage: python3 dev %s" % "|".join(jobs))
    jobs[sys.argv[1]]()


if __name__ == "__main__":
    main()
