"""Where the project is, and the figures of the tutorial's own run."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests" / "shared" / "tutorial_numbers.json").read_text())
