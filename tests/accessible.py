"""What axe-core finds wrong with a page that is open in a browser."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def barriers(page: Page) -> list[str]:
    """Serious and critical faults, each with where it is."""
    return [
        f"{fault['id']}: {node['target']}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
