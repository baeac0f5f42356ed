"""The tutorial as a notebook, and a run of it; as a script, a run whose outputs are kept."""

import os
from typing import Any

import nbformat
from nbclient import NotebookClient
from places import ROOT

PATH = ROOT / "docs" / "tutorial.ipynb"


def stored() -> Any:
    return nbformat.read(PATH, as_version=4)


def executed() -> Any:
    """Return the notebook with the outputs of a new run, with the packages as they are here."""
    notebook = stored()
    client = NotebookClient(
        notebook,
        timeout=300,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(PATH.parent)}},
    )
    inline = "module://matplotlib_inline.backend_inline"
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": inline})
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(), PATH)
