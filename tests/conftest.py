"""Hypothesis profiles: `quick`, the same examples every time, and `thorough`, chosen with
`pytest --hypothesis-profile=thorough`. The fixture `page` is a page in a browser.
"""

from hypothesis import settings

pytest_plugins = ["browser"]

settings.register_profile("quick", max_examples=50, derandomize=True, deadline=None, database=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile("quick")
